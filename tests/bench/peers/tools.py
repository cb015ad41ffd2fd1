"""The tools that are compared, and where each runs. Standard library only."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Tool:
    """A peer in one of its settings, or joineryc with one of its presets."""
    name: str
    # Which of environments.ENVIRONMENTS it runs in; None for joineryc.
    environment: str | None
    # The package whose version stands in the table; joineryc's preset where there is no environment.
    package: str


TOOLS = {tool.name: tool for tool in (
    Tool("joineryc-fast", None, "fast"),
    Tool("joineryc-balanced", None, "balanced"),
    Tool("joineryc-accurate", None, "accurate"),
    Tool("onnxruntime-minmax", "onnxruntime", "onnxruntime"),
    Tool("onnxruntime-percentile", "onnxruntime", "onnxruntime"),
    Tool("onnxruntime-entropy", "onnxruntime", "onnxruntime"),
    Tool("nncf-fast", "nncf", "nncf"),
    Tool("nncf-accurate", "nncf", "nncf"),
    Tool("esp-ppq", "torch", "esp-ppq"),
    Tool("aimet", "torch", "aimet-onnx"),
    Tool("aimet-cle", "torch", "aimet-onnx"),
    Tool("aimet-seqmse", "torch", "aimet-onnx"),
)}
