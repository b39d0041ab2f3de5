"""Writes tests/golden/images/: pictures of 9x7 pixels in the kinds that Pillow (9.4) writes. What fuzzing starts from."""
import pathlib

import numpy as np
from PIL import Image

OUT = pathlib.Path(__file__).parent / "images"

if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    y, x = np.mgrid[0:7, 0:9]
    rgb = Image.fromarray(np.stack([x * 28, y * 36, (x + y) * 15], -1).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    rgb.save(OUT / "halved.jpg", quality=80)
    rgb.save(OUT / "full.jpg", quality=80, subsampling=0, exif=exif)
    rgb.save(OUT / "progressive.jpg", quality=60, progressive=True)
    rgb.convert("L").save(OUT / "grey.jpg", quality=60)
    rgb.convert("CMYK").save(OUT / "cmyk.jpg", quality=60)
    rgb.save(OUT / "rgb.png", exif=exif)
    rgb.convert("RGBA").save(OUT / "rgba.png")
    rgb.convert("LA").save(OUT / "grey_alpha.png")
    rgb.convert("L").save(OUT / "grey.png")
    rgb.convert("1").save(OUT / "bits.png")
    rgb.quantize(5).save(OUT / "palette.png", bits=4)
    rgb.quantize(200).save(OUT / "palette8.png", transparency=3)
    Image.fromarray((x * 7000).astype(np.uint16)).save(OUT / "grey16.png")
