"""The models of JOINERY_DATA that are compared, and what feeds them. Standard library only."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Model:
    """How one float model is fed, calibrated and scored.

    A value of its input is (pixel - mean) / std, with mean and std of the red, green and blue pixel (0..255). Sources are
    folders or tar archives below JOINERY_DATA/images; `first` and `skip` take a part of the pictures in name order.
    """
    name: str
    input_shape: tuple[int, int, int, int]
    mean: tuple[float, float, float] = (0, 0, 0)
    std: tuple[float, float, float] = (1, 1, 1)
    color_order: str = "RGB"
    is_channels_last: bool = False
    has_dynamic_shape: bool = False
    # How a picture of another size becomes one of the input's: "crop" (its centre, not scaled), "cover" or "letterbox".
    fit: str = "cover"
    calibration: str = "coco_calib"
    validation: str = "coco_val"
    first_calibration: int | None = None
    skip_validation: int = 0
    # Name -> class, as JSON below images/, or as TSV inside of the validation archive; None: not a classifier.
    labels: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the input."""
        _, a, b, c = self.input_shape
        return (b, a) if self.is_channels_last else (c, b)


IMAGE_NET = {"fit": "crop", "calibration": "calib_224.tar", "validation": "val", "labels": "val.json"}
CENTRED = {"mean": (127, 127, 127), "std": (128, 128, 128)}
BYTE_MEAN, BYTE_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

MODELS = {model.name: model for model in (
    Model("mobilenetv2", (1, 3, 224, 224), BYTE_MEAN, BYTE_STD, **IMAGE_NET),
    Model("efficientnet_lite0", (1, 3, 224, 224), **CENTRED, **IMAGE_NET),
    Model("nanodet_m_416", (1, 3, 416, 416), BYTE_MEAN, (58.395, 57.12, 57.375), color_order="BGR", fit="letterbox"),
    Model("face_RFB-320", (1, 3, 240, 320), **CENTRED, validation="faces"),
    Model("face_RFB-320_without_postprocessing", (1, 3, 240, 320), **CENTRED, validation="faces"),
    Model("yunet_n_320", (1, 3, 320, 320), color_order="BGR", validation="faces"),
    Model("mediapipe_face_landmark_192", (1, 192, 192, 3), std=(255, 255, 255), is_channels_last=True,
          calibration="faces", first_calibration=12, validation="faces", skip_validation=12),
    Model("mlperf_mobilenetv1_025_vww", (1, 96, 96, 3), std=(255, 255, 255), is_channels_last=True),
    Model("mlperf_resnet8_cifar10", (1, 32, 32, 3), is_channels_last=True, fit="crop",
          calibration="cifar10_calib.tar", validation="cifar10_test.tar", labels="cifar10_test_labels.tsv"),
    Model("ppocrv4_det", (1, 3, 320, 320), BYTE_MEAN, BYTE_STD, has_dynamic_shape=True,
          calibration="ocr", first_calibration=8, validation="ocr", skip_validation=8),
    Model("ppocrv4_rec", (1, 3, 48, 320), (127.5,) * 3, (127.5,) * 3, has_dynamic_shape=True,
          calibration="ocr", first_calibration=8, validation="ocr", skip_validation=8),
)}
