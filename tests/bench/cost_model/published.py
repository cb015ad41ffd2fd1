"""The published latencies: which network, chip and mode each is of, and whether it can be compared.

What decides is written here as rules, so that nobody chooses rows by how well they fit:
  - a row counts if its chip has a description, its mode is stated, its numbers are 8 bits, it was measured on the chip's own
    board, and the network can be built (networks.py);
  - of rows that tell of the same network, chip and mode the first one in the file counts;
  - the network's family, by its digest, decides whether a row is fitted to or tested on. A family is in one half with all
    its sizes, pictures, modes and chips.
"""
import csv
import dataclasses
import hashlib
import re
from pathlib import Path

CHIPS = {"AX620A": "AX620A", "AX620Q": "AX620Q", "AX630C": "AX630C", "AX630C (MaixCAM2)": "AX630C", "AX650N": "AX650N",
         "AX650": "AX650N", "AX615": "AX615", "AX637": "AX637"}
# Rebranded chips; that they are the same is inferred from equal figures.
REBRANDED = {"WM8845": "AX630C", "WM9955": "AX650N"}

# Published name, without a precision or a file's name, in small letters and without dashes and blanks: our name. "{}" stands
# for the size of the picture where it matters.
NETWORKS = {
    "mobilenetv1": "mobilenet_v1", "mobilenetv2": "mobilenet_v2", "mobilenetv2(torchvision)": "mobilenet_v2",
    "mobileone_s0": "mobileone_s0", "resnet18": "resnet18", "resnet50": "resnet50", "vgg16": "vgg16",
    "inceptionv1": "inception_v1", "inceptionv3": "inception_v3", "squeezenet10": "squeezenet1_0_{}",
    "squeezenet11": "squeezenet1_1_{}", "squeezenetv10": "squeezenet1_0_{}", "squeezenetv11": "squeezenet1_1_{}",
    "deit_t": "deit_tiny", "vit_b": "vit_b", "swin_t": "swin_t", "hrnet": "hrnet_w32_pose",
    "hrnet_256x192": "hrnet_w32_pose", "yolov3": "yolov3_{}", "yolov3tiny": "yolov3_tiny_{}",
    "yolov4tiny": "yolov4_tiny_{}", "yolov5s": "yolov5s", "yolov5sseg": "yolov5s_seg", "yolov7": "yolov7",
    "yolov7tiny": "yolov7_tiny_{}", "yolov7tinycutsimsigmoiddfs": "yolov7_tiny_{}", "yolox_s": "yolox_s",
    "yoloxs": "yolox_s", "yolox_s_cut": "yolox_s", "yolov8sseg": "yolov8s_seg",
}
NETWORKS |= {name.replace("yolo11", alias): name for alias in ("yolo11", "yolov11") for name in ("yolo11n", "yolo11s")}
NETWORKS |= {name: name for name in ("yolov8n", "yolov8s", "yolov9s", "yolov10s")}
NETWORKS |= {f"yolo26{size}": f"yolo26{size}" for size in "nsmlx"}
NETWORKS |= {f"{name}{size}pose": f"{name}{size}_pose" for name in ("yolov8", "yolo26") for size in "nsmlx"}
NETWORKS |= {f"yolo26{size}depth": f"yolo26{size}_depth" for size in "nsmlx"}
NETWORKS |= {"yolo11l-obb_640x640_npu3.axmodel": "yolo11l_obb", "yolo26l-obb_npu3.axmodel": "yolo26l_obb_1024"}
ONE_SIZE = {"yolov7_tiny_640": "yolov7_tiny"}

FAMILIES = ("mobilenet_v1", "mobilenet_v2", "mobileone", "resnet", "vgg", "inception", "squeezenet", "deit", "vit", "swin",
            "hrnet", "yolov3", "yolov4", "yolov5", "yolov7", "yolov8", "yolov9", "yolov10", "yolo11", "yolo26", "yolox")

TOO_BIG = "another variant: faster than the chip's peak allows"


@dataclasses.dataclass
class Row:
    """A published latency. `reason` says why it is not compared; target, mode and network are empty where unknown."""
    model: str
    picture: str
    chip: str
    published_mode: str
    precision: str
    latency_ms: float | None
    source: str
    network: str = ""
    target: str = ""
    mode: str = ""
    reason: str = ""
    estimate_ms: float | None = None

    @property
    def family(self) -> str:
        return max((name for name in FAMILIES if self.network.startswith(name)), key=len)

    @property
    def half(self) -> str:
        """"fitted", "tested", or "" for what does not count."""
        return "" if self.reason else "fitted" if self.is_fitted else "tested"

    @property
    def is_fitted(self) -> bool:
        """An even first byte of the digest of the family's name: fitted. Odd: only tested."""
        return hashlib.sha256(self.family.encode()).digest()[0] % 2 == 0


def read(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        rows = [interpret(line) for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_MINIMAL)]
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        key = (row.network, row.target, row.mode)
        if not row.reason and key in seen:
            row.reason = "another row tells of the same"
        elif not row.reason:
            seen.add(key)
    return rows


def interpret(line: dict[str, str]) -> Row:
    latency = float(line["latency_ms"]) if line["latency_ms"] else None
    row = Row(line["model"], line["input"] or "-", line["chip"].split(" (WaveMatrix")[0], line["npu_mode"], line["quant"],
              latency, line["source"])
    row.target = CHIPS.get(line["chip"]) or REBRANDED.get(line["chip"].split(" ")[0], "")
    row.mode = mode_of(row.target, line["npu_mode"])
    row.network = network_of(line["model"], line["input"])
    row.reason = reason_against(row, line)
    return row


def network_of(model: str, picture: str) -> str:
    if in_file := re.search(r"\[(.*)\]", model):
        return NETWORKS.get(in_file[1].lower(), "")
    name = NETWORKS.get(re.sub(r"[- ]", "", model.lower()), "")
    size = picture.split("x")[0]
    name = name.format(size)
    return ONE_SIZE.get(name, name)


def mode_of(target: str, published: str) -> str:
    if target == "AX620A":
        return "111" if "111" in published else "0" if "mode 0" in published else ""
    found = re.match(r'"?(NPU[123])', published)
    return found[1] if found else ""


def reason_against(row: Row, line: dict[str, str]) -> str:
    if row.latency_ms is None:
        return "no latency"
    if re.search(r"yolov?6", row.model.lower()):
        return TOO_BIG
    if not row.target:
        return "measured through a host" if "M.2" in row.chip else "no description of the chip"
    if not row.mode or "likely" in row.published_mode:
        return "mode not stated"
    if re.search(r"w8a16|16|8w|mixed-bit|mixed U8", row.precision):
        return "not 8 bits, or not all"
    if re.search(r"older edition|opt-level|pyaxengine|CPU tail", row.model + line["note"]):
        return "older tool, other tool or other settings"
    return "" if row.network else "network not at hand"


def write(rows: list[Row], path: Path) -> None:
    names = [field.name for field in dataclasses.fields(Row)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow([*names, "half"])
        for row in rows:
            values = [getattr(row, name) for name in (*names, "half")]
            writer.writerow(f"{value:.10g}" if isinstance(value, float) else value or "" for value in values)
