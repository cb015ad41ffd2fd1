"""The published networks, built with random weights: the time a network takes does not depend on them.

Most are those of torchvision, timm and ultralytics. Detectors of other authors are put together here from ultralytics'
blocks, after their papers and published layer lists. Detectors end where the vendor's examples cut them: behind the last
convolutions, before boxes are decoded.
"""
from collections.abc import Callable

import timm
import torch
import torchvision
from timm.utils import reparameterize_model
from torch import nn
from ultralytics.nn.modules import C3, SPP, Conv, Focus, Proto
from ultralytics.nn.tasks import parse_model, yaml_model_load

ANCHOR_CHANNELS = 3 * 85


class Raw(nn.Module):
    """An ultralytics network that ends with what its heads compute, not with boxes."""

    def __init__(self, file: str, task: str) -> None:
        super().__init__()
        self.model = ULTRALYTICS[task](file, verbose=False)
        self.model.eval().fuse(verbose=False)
        # A head in training gives its raw predictions.
        self.model.model[-1].training = True

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        # A tensor that two heads give counts once.
        return list({tensor.data_ptr(): tensor for tensor in tensors(self.model.predict(pictures))}.values())


def tensors(found: object) -> list[torch.Tensor]:
    """What is computed last, out of nested predictions: heads for one box an object where there are two kinds."""
    if isinstance(found, torch.Tensor):
        return [found]
    if isinstance(found, dict):
        found = found.get("one2one", found)
        return [tensor for name, value in found.items() if name != "feats" for tensor in tensors(value)]
    return [tensor for value in found or () for tensor in tensors(value)]


def task_models() -> dict[str, type]:
    from ultralytics.nn import tasks  # Late: the names that exist are asked for.
    found = {"detect": tasks.DetectionModel, "segment": tasks.SegmentationModel, "pose": tasks.PoseModel,
             "obb": tasks.OBBModel}
    return found | ({"depth": tasks.DepthModel} if hasattr(tasks, "DepthModel") else {})


ULTRALYTICS = task_models()


class AnchorNetwork(nn.Module):
    """Backbone and neck of one of ultralytics' descriptions with the older heads: one 1x1 convolution a scale."""

    def __init__(self, file: str, channels: int = ANCHOR_CHANNELS, masks: bool = False) -> None:
        super().__init__()
        layers, self.saved = parse_model(yaml_model_load(file), ch=3, verbose=False)
        head = layers[-1]
        self.scales = head.f
        self.layers = layers[:-1]
        widths = [branch[0].conv.in_channels for branch in head.cv2]
        self.heads = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.proto = Proto(widths[0], widths[0], 32) if masks else None

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        outputs = []
        found = pictures
        for layer in self.layers:
            source = layer.f
            if isinstance(source, list):
                found = [found if index == -1 else outputs[index] for index in source]
            elif source != -1:
                found = outputs[source]
            found = layer(found)
            outputs.append(found)
        features = [outputs[index] for index in self.scales]
        results = [head(feature) for head, feature in zip(self.heads, features)]
        return results + ([self.proto(features[0])] if self.proto else [])


def leaky(network: nn.Module) -> nn.Module:
    """With the activation that the Darknet networks have."""
    for name, child in network.named_children():
        if isinstance(child, nn.SiLU):
            setattr(network, name, nn.LeakyReLU(0.1))
        else:
            leaky(child)
    return network


def upsample(feature: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(feature, scale_factor=2.0, mode="nearest")


def halve(feature: torch.Tensor) -> torch.Tensor:
    return nn.functional.max_pool2d(feature, 2)


def spatial_pools(feature: torch.Tensor) -> torch.Tensor:
    pools = [nn.functional.max_pool2d(feature, size, 1, size // 2) for size in (5, 9, 13)]
    return torch.cat([feature, *pools], 1)


class Elan(nn.Module):
    """YOLOv7's block: two 1x1 branches, `depth` 3x3 convolutions behind one of them; every `step`th is joined."""

    def __init__(self, inputs: int, first: int, hidden: int, outputs: int, depth: int, step: int = 1) -> None:
        super().__init__()
        self.left, self.right = Conv(inputs, first, 1), Conv(inputs, first, 1)
        self.chain = nn.ModuleList(Conv(first if index == 0 else hidden, hidden, 3) for index in range(depth))
        self.step = step
        self.join = Conv(2 * first + depth // step * hidden, outputs, 1)

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        joined = [self.left(feature), self.right(feature)]
        found = joined[-1]
        for index, layer in enumerate(self.chain):
            found = layer(found)
            if (index + 1) % self.step == 0:
                joined.append(found)
        return self.join(torch.cat(joined, 1))


class Yolov7Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(Conv(3, 32, 3, 2), Conv(32, 64, 3, 2), Elan(64, 32, 32, 64, 2))
        self.p3, self.p4, self.p5 = Elan(64, 64, 64, 128, 2), Elan(128, 128, 128, 256, 2), Elan(256, 256, 256, 512, 2)
        self.left, self.right = Conv(512, 256, 1), Conv(512, 256, 1)
        self.pooled, self.joined = Conv(1024, 256, 1), Conv(512, 256, 1)
        self.to4, self.side4, self.up4 = Conv(256, 128, 1), Conv(256, 128, 1), Elan(256, 64, 64, 128, 2)
        self.to3, self.side3, self.up3 = Conv(128, 64, 1), Conv(128, 64, 1), Elan(128, 32, 32, 64, 2)
        self.down4, self.out4 = Conv(64, 128, 3, 2), Elan(256, 64, 64, 128, 2)
        self.down5, self.out5 = Conv(128, 256, 3, 2), Elan(512, 128, 128, 256, 2)
        self.heads = nn.ModuleList(nn.Sequential(Conv(width, 2 * width, 3), nn.Conv2d(2 * width, ANCHOR_CHANNELS, 1))
                                   for width in (64, 128, 256))

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        p3 = self.p3(halve(self.stem(pictures)))
        p4 = self.p4(halve(p3))
        p5 = self.p5(halve(p4))
        p5 = self.joined(torch.cat([self.left(p5), self.pooled(spatial_pools(self.right(p5)))], 1))
        p4 = self.up4(torch.cat([self.side4(p4), upsample(self.to4(p5))], 1))
        p3 = self.up3(torch.cat([self.side3(p3), upsample(self.to3(p4))], 1))
        p4 = self.out4(torch.cat([self.down4(p3), p4], 1))
        p5 = self.out5(torch.cat([self.down5(p4), p5], 1))
        return [head(feature) for head, feature in zip(self.heads, (p3, p4, p5))]


class HalveBoth(nn.Module):
    """YOLOv7's two ways to a smaller map: a pool and a convolution with stride."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pooled = Conv(inputs, outputs, 1)
        self.strided = nn.Sequential(Conv(inputs, outputs, 1), Conv(outputs, outputs, 3, 2))

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.strided(feature), self.pooled(halve(feature))], 1)


class Yolov7(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.p3 = nn.Sequential(Conv(3, 32, 3, 1), Conv(32, 64, 3, 2), Conv(64, 64, 3, 1), Conv(64, 128, 3, 2),
                                Elan(128, 64, 64, 256, 4, 2), HalveBoth(256, 128), Elan(256, 128, 128, 512, 4, 2))
        self.p4 = nn.Sequential(HalveBoth(512, 256), Elan(512, 256, 256, 1024, 4, 2))
        self.p5 = nn.Sequential(HalveBoth(1024, 512), Elan(1024, 256, 256, 1024, 4, 2))
        self.left = Conv(1024, 512, 1)
        self.right = nn.Sequential(Conv(1024, 512, 1), Conv(512, 512, 3), Conv(512, 512, 1))
        self.pooled = nn.Sequential(Conv(2048, 512, 1), Conv(512, 512, 3))
        self.joined = Conv(1024, 512, 1)
        self.to4, self.side4, self.up4 = Conv(512, 256, 1), Conv(1024, 256, 1), Elan(512, 256, 128, 256, 4)
        self.to3, self.side3, self.up3 = Conv(256, 128, 1), Conv(512, 128, 1), Elan(256, 128, 64, 128, 4)
        self.down4, self.out4 = HalveBoth(128, 128), Elan(512, 256, 128, 256, 4)
        self.down5, self.out5 = HalveBoth(256, 256), Elan(1024, 512, 256, 512, 4)
        self.heads = nn.ModuleList(nn.Sequential(Conv(width, 2 * width, 3), nn.Conv2d(2 * width, ANCHOR_CHANNELS, 1))
                                   for width in (128, 256, 512))

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        p3 = self.p3(pictures)
        p4 = self.p4(p3)
        p5 = self.p5(p4)
        p5 = self.joined(torch.cat([self.pooled(spatial_pools(self.right(p5))), self.left(p5)], 1))
        p4 = self.up4(torch.cat([self.side4(p4), upsample(self.to4(p5))], 1))
        p3 = self.up3(torch.cat([self.side3(p3), upsample(self.to3(p4))], 1))
        p4 = self.out4(torch.cat([self.down4(p3), p4], 1))
        p5 = self.out5(torch.cat([self.down5(p4), p5], 1))
        return [head(feature) for head, feature in zip(self.heads, (p3, p4, p5))]


class Yolov4Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(Conv(3, 32, 3, 2), Conv(32, 64, 3, 2))
        self.parts = nn.ModuleList(nn.ModuleList((Conv(width, width, 3), Conv(width // 2, width // 2, 3),
                                                  Conv(width // 2, width // 2, 3), Conv(width, width, 1)))
                                   for width in (64, 128, 256))
        self.deep = nn.Sequential(Conv(512, 512, 3), Conv(512, 256, 1))
        self.head5 = nn.Sequential(Conv(256, 512, 3), nn.Conv2d(512, ANCHOR_CHANNELS, 1))
        self.to4 = Conv(256, 128, 1)
        self.head4 = nn.Sequential(Conv(384, 256, 3), nn.Conv2d(256, ANCHOR_CHANNELS, 1))

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        found = self.stem(pictures)
        joined = found
        for whole, first, second, join in self.parts:
            whole_result = whole(found)
            first_result = first(torch.chunk(whole_result, 2, 1)[1])
            joined = join(torch.cat([second(first_result), first_result], 1))
            found = halve(torch.cat([whole_result, joined], 1))
        deep = self.deep(found)
        return [self.head5(deep), self.head4(torch.cat([upsample(self.to4(deep)), joined], 1))]


class YoloxSmall(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.p3 = nn.Sequential(Focus(3, 32, 3), Conv(32, 64, 3, 2), C3(64, 64, 1), Conv(64, 128, 3, 2), C3(128, 128, 3))
        self.p4 = nn.Sequential(Conv(128, 256, 3, 2), C3(256, 256, 3))
        self.p5 = nn.Sequential(Conv(256, 512, 3, 2), SPP(512, 512), C3(512, 512, 1, False))
        self.lateral, self.up4 = Conv(512, 256, 1), C3(512, 256, 1, False)
        self.reduce, self.up3 = Conv(256, 128, 1), C3(256, 128, 1, False)
        self.down4, self.out4 = Conv(128, 128, 3, 2), C3(256, 256, 1, False)
        self.down5, self.out5 = Conv(256, 256, 3, 2), C3(512, 512, 1, False)
        widths = (128, 256, 512)
        self.stems = nn.ModuleList(Conv(width, 128, 1) for width in widths)
        self.classes, self.boxes = (nn.ModuleList(nn.Sequential(Conv(128, 128, 3), Conv(128, 128, 3)) for _ in widths)
                                    for _ in range(2))
        self.class_scores, self.box_values, self.objects = (
            nn.ModuleList(nn.Conv2d(128, channels, 1) for _ in widths) for channels in (80, 4, 1))

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        p3 = self.p3(pictures)
        p4 = self.p4(p3)
        top = self.lateral(self.p5(p4))
        middle = self.reduce(self.up4(torch.cat([upsample(top), p4], 1)))
        n3 = self.up3(torch.cat([upsample(middle), p3], 1))
        n4 = self.out4(torch.cat([self.down4(n3), middle], 1))
        n5 = self.out5(torch.cat([self.down5(n4), top], 1))
        results = []
        for index, feature in enumerate((n3, n4, n5)):
            stem = self.stems[index](feature)
            boxes = self.boxes[index](stem)
            results.append(torch.cat([self.box_values[index](boxes), self.objects[index](boxes),
                                      self.class_scores[index](self.classes[index](stem))], 1))
        return results


class HrnetPose(nn.Module):
    """HRNet-W32 for 17 key points: its finest map and a 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = timm.create_model("hrnet_w32", pretrained=False, features_only=False)
        self.head = nn.Conv2d(32, 17, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        net = self.backbone
        found = net.act1(net.bn1(net.conv1(pictures)))
        return self.head(net.stages(net.act2(net.bn2(net.conv2(found))))[0])


def of_torchvision(name: str, **options: object) -> nn.Module:
    return getattr(torchvision.models, name)(weights=None, **options)


def of_timm(name: str) -> nn.Module:
    # Attention as the matrix products and softmax that it is, instead of one operator.
    timm.layers.set_fused_attn(False)
    return timm.create_model(name, pretrained=False)


def networks() -> dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]]:
    """By name: what makes the network, and height and width of its picture."""
    found: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
        "inception_v1": (lambda: of_torchvision("googlenet", aux_logits=False, init_weights=False), (224, 224)),
        "inception_v3": (lambda: of_torchvision("inception_v3", aux_logits=False, init_weights=False), (299, 299)),
        "mobilenet_v1": (lambda: of_timm("mobilenetv1_100"), (224, 224)),
        "mobilenet_v2": (lambda: of_torchvision("mobilenet_v2"), (224, 224)),
        "mobileone_s0": (lambda: reparameterize_model(of_timm("mobileone_s0").eval()), (224, 224)),
        "resnet18": (lambda: of_torchvision("resnet18"), (224, 224)),
        "resnet50": (lambda: of_torchvision("resnet50"), (224, 224)),
        "vgg16": (lambda: of_torchvision("vgg16"), (224, 224)),
        "deit_tiny": (lambda: of_timm("deit_tiny_patch16_224"), (224, 224)),
        "vit_b": (lambda: of_timm("vit_base_patch16_224"), (224, 224)),
        "swin_t": (lambda: of_timm("swin_tiny_patch4_window7_224"), (224, 224)),
        "hrnet_w32_pose": (HrnetPose, (256, 192)),
        "yolov3_416": (lambda: leaky(AnchorNetwork("yolov3.yaml")), (416, 416)),
        "yolov3_608": (lambda: leaky(AnchorNetwork("yolov3.yaml")), (608, 608)),
        "yolov3_tiny_416": (lambda: leaky(AnchorNetwork("yolov3-tiny.yaml")), (416, 416)),
        "yolov4_tiny_416": (lambda: leaky(Yolov4Tiny()), (416, 416)),
        "yolov5s": (lambda: AnchorNetwork("yolov5s.yaml"), (640, 640)),
        "yolov5s_seg": (lambda: AnchorNetwork("yolov5s.yaml", 3 * (85 + 32), masks=True), (640, 640)),
        "yolov7": (Yolov7, (640, 640)),
        "yolov7_tiny": (lambda: leaky(Yolov7Tiny()), (640, 640)),
        "yolov7_tiny_416": (lambda: leaky(Yolov7Tiny()), (416, 416)),
        "yolox_s": (YoloxSmall, (640, 640)),
    }
    for version, size in (("1_0", 224), ("1_0", 227), ("1_1", 224), ("1_1", 227)):
        found[f"squeezenet{version}_{size}"] = (lambda v=version: of_torchvision(f"squeezenet{v}"), (size, size))
    detectors = ("yolov8n", "yolov8s", "yolov9s", "yolov10s", "yolo11n", "yolo11s", *(f"yolo26{size}" for size in "nsmlx"))
    for name in detectors:
        found[name] = (lambda n=name: Raw(f"{n}.yaml", "detect"), (640, 640))
    for name in ("yolov8s", "yolo11s", "yolo26n", "yolo26s"):
        found[f"{name}_seg"] = (lambda n=name: Raw(f"{n}-seg.yaml", "segment"), (640, 640))
    for name in (*(f"yolov8{size}" for size in "nsmlx"), *(f"yolo26{size}" for size in "nsmlx")):
        found[f"{name}_pose"] = (lambda n=name: Raw(f"{n}-pose.yaml", "pose"), (640, 640))
    for size in "nsmlx":
        found[f"yolo26{size}_depth"] = (lambda n=size: Raw(f"yolo26{n}-depth.yaml", "depth"), (768, 768))
    found["yolo11l_obb"] = (lambda: Raw("yolo11l-obb.yaml", "obb"), (640, 640))
    found["yolo26l_obb_1024"] = (lambda: Raw("yolo26l-obb.yaml", "obb"), (1024, 1024))
    return found
