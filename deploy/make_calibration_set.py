#!/usr/bin/env python3
"""Packs a calibration set for a 224x224 network out of a few photos.

    make_calibration_set.py PHOTO_FOLDER calib.tar

A calibration set should be a hundred different photos like those the network will see. Here are only twelve, so each is
used eight times: at three scales, cut at different places, some mirrored. Good enough to show how it is done; use your
own photos for your own network. The cat is not among them: the demo judges by it.

The same photos give the same tar, byte for byte.
"""

import io
import pathlib
import sys
import tarfile

from PIL import Image, ImageOps

SIZE = 224
PHOTOS = ("astronaut.png", "camera.png", "coffee.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg",
          "ihc.png", "motorcycle_left.png", "motorcycle_right.png", "retina.jpg", "rocket.jpg")
# (length of the shorter side, place of the cut as a fraction of what is left over: x, y; mirrored).
VIEWS = ((224, .5, .5, False), (224, .5, .5, True), (256, .5, .5, False), (320, 0, 0, False), (320, 1, 0, True),
         (320, 0, 1, True), (320, 1, 1, False), (320, .5, .5, True))


def cut(photo, shorter_side, x, y, mirrored):
    scale = shorter_side / min(photo.size)
    width, height = (max(SIZE, round(n * scale)) for n in photo.size)
    left, top = round(x * (width - SIZE)), round(y * (height - SIZE))
    view = photo.resize((width, height), Image.BILINEAR).crop((left, top, left + SIZE, top + SIZE))
    return ImageOps.mirror(view) if mirrored else view


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    with tarfile.open(sys.argv[2], "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in PHOTOS:
            with Image.open(folder / name) as file:
                photo = file.convert("RGB")
            for number, view in enumerate(VIEWS):
                data = io.BytesIO()
                cut(photo, *view).save(data, "JPEG", quality=90)
                member = tarfile.TarInfo(f"{pathlib.Path(name).stem}_{number}.jpg")  # No owner, no time: same bytes.
                member.size = data.tell()
                data.seek(0)
                archive.addfile(member, data)
    print(f"{len(PHOTOS) * len(VIEWS)} pictures from {len(PHOTOS)} photos, {SIZE}x{SIZE}")


if __name__ == "__main__":
    main()
