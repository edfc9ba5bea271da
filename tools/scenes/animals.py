"""The six animals among the CIFAR-10 classes; each paints its scene back to front."""

import numpy as np

from .canvas import Canvas, X, Y, blob, blur, furry, limb, mirror, oval, points, poly, ramp, smooth


def bird(c: Canvas):
    """A robin on a branch."""
    spots = np.clip(c.noise(46, 46, octaves=1), -2, 2)
    c.paint(
        1,
        blur(
            ramp(spots + (128 - Y) / 110, (-2.4, "#4b5a2a"), (-0.5, "#6f8a3c"), (0.8, "#a3ba62"), (2.6, "#dbe3a8")), 7
        ),
    )
    for _ in range(14):
        x, y, r = c.rng.uniform((0, 0, 8), (256, 190, 20))
        c.paint(blur(oval(x, y, r), 2), "#eef2c4", 0.16)
    c.part(
        furry(limb("172,160,17 204,190,12 238,224,9"), c.noise(9, 2, 40), 1),
        ramp(c.noise(40, 3, 40), (-2, "#3a2f25"), (2, "#6e5a45")),
        4,
    )
    bark = ramp(c.noise(40, 4, -6), (-2, "#3d2f24"), (0, "#6b5440"), (2, "#a08767"))
    c.paint(
        furry(limb("-10,226,10 90,216,9 180,212,8 270,196,6"), c.noise(12, 3), 1),
        bark * np.clip(1.25 - (Y - 208) / 40, 0.5, 1.25)[..., None],
    )
    for x in (122, 146):
        c.part(limb([(x + 6, 186, 3.2), (x, 204, 2.4), (x - 4, 210, 2.4), (x - 12, 211, 2)]), "#4a3428", 1)
    body = blob("66,84 76,56 104,44 134,54 160,84 186,124 192,158 174,184 136,196 98,184 72,152 64,118")
    plume, fine = c.noise(12, 2.4, 50), c.noise(7, 1.8, 62)
    body = furry(body, fine, 1.5)
    c.part(body, ramp(plume, (-2, "#54432f"), (2, "#86704f")), 14, 0.5)
    belly = blur(blob("84,152 120,146 168,150 176,178 136,200 96,190"), 5)
    c.part(body * belly, ramp(plume, (-2, "#bdb5a4"), (2, "#f4efe2")), 14, 0.4)
    breast = blur(blob("56,86 72,62 98,66 112,92 122,126 116,158 86,168 62,144"), 3)
    c.part(body * breast, ramp(fine, (-2, "#b34a14"), (0, "#dc6a1f"), (2, "#f19a45")), 12, 0.4)
    wing = furry(blob("120,96 152,92 182,122 204,168 216,194 180,178 140,162 120,132"), fine, 1)
    c.part(wing, ramp(c.noise(30, 3, 48), (-2, "#3c2f22"), (0, "#65533b"), (2, "#927d5c")), 6, 0.6)
    for i in range(5):
        c.part(
            wing * limb([(132 + 6 * i, 152 - 10 * i, 1), (168 + 4 * i, 172 - 8 * i, 1.2), (206 + i, 188 - 5 * i, 0.8)]),
            "#2b2118",
            alpha=0.8,
        )
    c.part(poly(smooth("70,82 54,84 43,91 56,94 70,95")), ramp(Y, (84, "#6b6256"), (94, "#2c2620")), 2)
    c.part(oval(88, 78, 6.5), "#f0e6d2", alpha=0.35)
    c.part(oval(88, 78, 5.2), "#14100d", 2)
    c.part(oval(86.3, 76, 1.6), "#ffffff")
    for x, y, tilt in ((20, 206, -50), (44, 236, 30), (232, 186, -30), (250, 212, 40)):
        c.paint(oval(x, y, 17, 7, tilt), ramp(c.noise(20, 4, tilt), (-2, "#4d6b22"), (2, "#94b34a")))


def cat(c: Canvas):
    """A tabby's face."""
    c.paint(
        1,
        blur(
            ramp(c.noise(60, 60, octaves=2) + (X - 128) / 120, (-2.5, "#6b4c3a"), (0, "#b08a6c"), (2.5, "#e3cdae")), 5
        ),
    )
    c.paint(
        blur(poly("0,176 256,160 256,256 0,256"), 5),
        ramp(c.noise(3) + c.noise(50), (-3, "#5b6f80"), (3, "#90a3b0")),
        0.95,
    )
    c.shadow(oval(136, 226, 104, 46), 12, 0.5)
    down, side = c.noise(16, 2.2, 90), c.noise(16, 2.2, 20)
    coat = ramp(down, (-2.2, "#5d4a38"), (-0.3, "#94785a"), (1, "#b89a77"), (2.4, "#dcc6a4"))
    chest = furry(blob("40,262 48,196 84,168 172,168 208,196 218,262"), down, 3)
    c.part(chest, coat * 0.85, 14, 0.4)
    c.part(
        furry(chest * blob("92,270 96,190 128,176 160,190 164,270"), down, 3),
        ramp(down, (-2, "#b7aa97"), (2, "#f5efe4")),
        12,
    )
    c.part(chest * blur(oval(128, 192, 62, 22), 7), "#3a2b20", alpha=0.6)  # the chin's shadow
    for at in (points, lambda spec: mirror(spec, 128)):
        ear = blob(at("50,110 40,72 33,34 38,22 52,24 82,44 110,62 86,100"))
        c.part(furry(ear, side, 1.5), coat * 0.9, 6)
        c.part(
            furry(blob(at("56,88 48,62 44,38 68,50 92,68")), down, 2), ramp(down, (-2, "#8a5f52"), (2, "#d9a793")), 4
        )
    head = furry(
        blob("128,50 162,55 192,78 208,112 216,146 190,178 128,200 66,178 40,146 48,112 64,78 94,55"), side, 2.5
    )
    c.part(head, coat, 16, 0.45)
    stripes = ["128,50,4 128,68,4 128,86,2", "109,53,3 112,70,4 107,90,2", "90,60,3 94,76,4 88,92,2"]
    stripes += ["40,122,3 62,132,4 84,136,1", "42,146,3 62,150,4 82,150,1", "68,66,3 74,82,3 66,98,1"]
    for line in stripes:
        for stripe in (line, mirror(line, 128)):
            c.part(head * furry(limb(stripe), down, 1.5), "#3b2c20", 0, texture=0.2 * side, alpha=0.75)
    for x in (104, 152):
        c.part(furry(oval(x, 166, 30, 24), side, 2), ramp(side, (-2, "#c4b6a1"), (2, "#fbf6ec")), 9, 0.4)
    c.part(furry(oval(128, 190, 24, 14), down, 2), "#efe7d8", 6)
    c.part(
        blur(blob("115,112 128,96 141,112 147,150 109,150"), 4) * head,
        ramp(down, (-2, "#9d7c5b"), (2, "#d8b88f")),
    )
    for x in (86, 170):
        c.part(oval(x, 121, 21.5, 16, 14 if x < 128 else -14), "#2a1f17", 2)
        c.part(
            oval(x, 121, 18, 14),
            ramp(np.hypot(X - x, Y - 124) + 1.5 * c.noise(4), (3, "#d9d27a"), (11, "#a9a94e"), (18, "#5f6a30")),
            2,
            0.3,
        )
        c.part(oval(x, 121, 5.2, 12.5), "#0d0c0a")
        c.part(oval(x - 5, 115, 3.6), "#ffffff")
    c.part(blob("115,146 128,144 141,146 135,156 128,160 121,156"), "#c9827a", 3, 0.6)
    for end in (104, 152):
        c.part(limb([(128, 159, 1.2), (127, 170, 1.4), ((128 + end) / 2, 177, 1.3), (end, 173, 0.8)]), "#4a342b")
        for lift in (-16, -2, 12):
            edge = 14 if end < 128 else 242
            c.part(
                limb(
                    [
                        (end + (end - 128) * 0.2, 166 + lift / 4, 0.9),
                        ((end + edge) / 2, 162 + lift, 0.8),
                        (edge, 166 + 1.7 * lift, 0.4),
                    ]
                ),
                "#ffffff",
                alpha=0.9,
            )


def deer(c: Canvas):
    """A stag in a meadow before a wood."""
    trees = c.noise(14)
    c.paint(
        1,
        blur(
            ramp(
                trees - (Y - 60) / 90 + 0.8 * c.noise(70),
                (-2.6, "#1e3019"),
                (0, "#45662f"),
                (2, "#84a254"),
                (3.4, "#cfdb9c"),
            ),
            2.5,
        ),
    )
    for x in (14, 60, 176, 236):
        c.paint(blur(limb([(x, -5, 6), (x + 3, 80, 6), (x - 2, 160, 8)]), 2), "#3a3123", 0.6)
    c.paint(
        blur((Y > 140 + 4 * c.noise(60, 900)).astype(np.float32), 2),
        ramp(c.noise(18, 4) + (Y - 190) / 60, (-2.4, "#5d8234"), (0, "#86a648"), (2.4, "#a9c064")),
    )
    c.shadow(oval(150, 228, 84, 9), 5, 0.5)
    fur = c.noise(14, 2.5, 20)
    coat = ramp(fur - (Y - 128) / 45, (-2.5, "#7a4b25"), (0, "#a96e38"), (2.5, "#cf9a5c"))
    for leg in ("112,150,9 108,180,5 110,200,3.2 108,228,3.6", "196,140,14 194,168,8 204,188,4.5 198,226,3.6"):
        c.part(limb(leg), coat * 0.6, 4)
    for leg in ("122,146,13 124,178,6 124,202,3.8 122,234,4", "210,136,19 214,164,10 224,188,5 218,210,3.8 216,233,4"):
        c.part(limb(leg), coat * 0.92, 5, 0.6)
    for x, y in ((122, 234), (216, 233), (108, 228), (198, 226)):
        c.part(poly([(x - 4, y - 4), (x + 4, y - 4), (x + 4, y + 4), (x - 7, y + 4)]), "#2b2019", 1)
    c.part(blob("222,104 234,108 236,128 228,132 222,120"), "#efe4cf", 3)
    body = blob("104,118 118,100 150,102 190,96 220,102 232,124 226,150 196,158 156,164 124,166 106,150")
    neck = limb("128,132,27 106,104,19 90,80,14")
    c.part(furry(np.maximum(body, neck), fur, 1.5), coat, 11, 0.5)
    c.part(furry(blob("130,158 160,154 200,148 196,158 156,166"), fur, 1.5), "#e0cda9", 4, alpha=0.7)
    c.part(furry(blob("80,92 90,92 104,120 108,148 98,132"), fur, 1.5), "#e6d8bc", 4, alpha=0.75)
    for spot in range(16):
        c.part(
            oval(140 + 5.2 * spot + c.rng.normal(0, 2), 112 + 9 * (spot % 3) + c.rng.normal(0, 2), 2.4, 1.8),
            "#e9d3ab",
            alpha=0.6,
        )
    for at in (points, lambda spec: mirror(spec, 80)):  # antlers and ears, about the head's middle
        horn = "#8a7253"
        c.part(limb(at("74,56,3 60,40,3 46,24,2.6 48,4,1.4")), horn, 2, 0.8)
        c.part(limb(at("62,42,2.4 66,28,2 64,16,1.1")), horn, 2, 0.8)
        c.part(limb(at("48,26,2.4 34,20,1.8 28,8,1")), horn, 2, 0.8)
        c.part(furry(blob(at("68,64 54,54 36,54 42,66 62,74")), fur, 1), coat * 0.95, 3)
        c.part(blob(at("62,66 52,60 42,58 48,66")), "#e8cdb2", alpha=0.8)
    face = blob("80,52 97,60 98,78 91,96 88,108 80,112 72,108 69,96 62,78 63,60")
    c.part(furry(face, fur, 1), ramp(Y + 3 * fur, (50, "#8f5c30"), (80, "#b9824a"), (112, "#d9bd93")), 7, 0.5)
    c.part(blob("73,102 80,99 87,102 84,109 76,109"), "#1d1713", 2)
    for x in (67, 93):
        c.part(oval(x, 78, 4.6, 4), "#e9d6b6")
        c.part(oval(x, 78, 3.3), "#15100c")
        c.part(oval(x - 1, 76.8, 1), "#ffffff")
    c.blades(1400, (218, 266), 24, ("#4d7429", "#b3c968"))


def dog(c: Canvas):
    """A brown and white puppy with its tongue out."""
    c.paint(
        1,
        blur(ramp(c.noise(40, 40, octaves=2) - (Y - 128) / 90, (-2.5, "#4f7a2c"), (0, "#7fa546"), (2.6, "#d2dfa6")), 4),
    )
    c.paint(Y > 180, ramp(c.noise(3, 10), (-2, "#4d752b"), (2, "#86aa48")), np.clip((Y - 180) / 40, 0, 1))
    c.shadow(oval(128, 236, 96, 30), 10, 0.4)
    down, side = c.noise(18, 2.6, 90), c.noise(14, 2.4, 30)
    tan = ramp(down, (-2.2, "#7a4218"), (0, "#a8642c"), (2.2, "#d19352"))
    snow = ramp(down, (-2.2, "#c9bfb2"), (0, "#ece6dc"), (2.2, "#fffdf8"))
    chest = furry(blob("52,266 58,208 90,178 166,178 198,208 206,266"), down, 3)
    c.part(chest, tan * 0.9, 12)
    c.part(furry(blob("82,270 86,200 128,184 170,200 174,270"), down, 3), snow, 12)
    c.part(chest * blur(oval(128, 182, 62, 20), 7), "#3f2413", alpha=0.6)  # the chin's shadow
    c.part(limb("76,202,6 128,220,6.5 180,202,6"), "#b3202a", 3, 0.6)
    head = furry(blob("128,28 168,36 190,70 190,118 172,160 128,186 84,160 66,118 66,70 88,36"), side, 2)
    c.part(head, tan, 14, 0.45)
    c.part(
        furry(blob("128,22 136,40 138,84 150,108 178,128 172,160 128,186 84,160 78,128 106,108 118,84 120,40"), down, 2)
        * head,
        snow,
        7,
        0.3,
    )
    for x in (104, 152):
        c.part(furry(oval(x, 148, 28, 23), side, 2), snow, 9, 0.45)
    c.part(furry(blob("104,108 128,100 152,108 156,146 100,146"), down, 2), snow, 9, 0.35)
    c.part(blob("108,168 148,168 144,182 128,187 112,182"), "#4a1f1f", 2)
    c.part(
        blob("116,172 128,170 140,172 141,196 128,206 115,196"),
        ramp(np.abs(X - 128), (0, "#c25566"), (3, "#ea8593")),
        4,
        0.5,
    )
    c.part(limb("128,140,1.5 128,162,1.6"), "#3b2a26")
    for end in (96, 160):
        c.part(limb([(128, 162, 1.5), ((128 + end) / 2, 172, 1.8), (end, 164, 1)]), "#3b2a26")
    c.part(blob("106,124 116,114 140,114 150,124 140,139 128,144 116,139"), "#1c1716", 6, 1.4)
    c.part(oval(122, 120, 7, 2.6), "#8b8485", alpha=0.7)
    for at in (points, lambda spec: mirror(spec, 128)):
        ear = blob(at("92,32 64,40 38,74 24,120 30,156 50,164 66,136 76,92 90,58"))
        c.part(furry(ear, side, 2), tan * 0.62, 9, 0.7)
        x = at("92,0")[0][0]
        c.part(oval(x, 88, 15, 13), "#5a3013", 4, alpha=0.6)
        c.part(oval(x, 88, 10.5), ramp(np.hypot(X - x, Y - 88), (4, "#20100a"), (8, "#4f2a12"), (11, "#180d08")), 2)
        c.part(oval(x - 3.5, 84, 3), "#ffffff")
        c.part(limb(at("82,66,2 92,61,3 104,66,2")), "#c98d52", 2, alpha=0.8)
    c.blades(500, (236, 266), 26, ("#4d752b", "#a7c565"))


def frog(c: Canvas):
    """A green frog on the forest floor."""
    c.paint(
        1,
        ramp(c.noise(14) + 0.6 * c.noise(60), (-2.4, "#241a10"), (-0.5, "#4a3822"), (0.8, "#6f5632"), (2.6, "#a58a55")),
    )
    for i in range(46):  # fallen leaves
        x, y, r, turn = c.rng.uniform((-10, -10, 12, 0), (266, 266, 26, 180))
        if i % 9 == 0:
            veins = c.noise(18, 3, turn, 1)
        hue = ramp(veins + c.rng.normal(), (-2, "#3d2c17"), (0, "#6e4f28"), (2, "#a98649"))
        c.shadow(oval(x + 2, y + 3, r, r / 2.4, turn), 1.5, 0.45)
        c.paint(oval(x, y, r, r / 2.4, turn), hue)
    c.paint(1, blur(c.pixels, 1.2))
    c.paint(
        furry((c.noise(44) > 0.7).astype(np.float32), c.noise(4), 3),
        ramp(c.noise(3), (-2, "#3b5420"), (2, "#87a23e")),
        0.8,
    )
    c.shadow(blob("40,186 120,206 226,196 246,212 200,232 90,232 46,216"), 6, 0.75)
    warts, mottle = c.noise(5), c.noise(26)
    skin = ramp(
        0.6 * warts + mottle - (Y - 135) / 40, (-3, "#4c5a22"), (-1, "#6d8a2c"), (0.8, "#8fae3d"), (2.8, "#c2d072")
    )
    for far in ("70,180,9 58,202,6 46,212,6", "206,186,12 232,208,7 244,214,5"):
        c.part(limb(far), skin * 0.55, 4)
    body = blob("22,138 34,118 60,98 92,88 130,82 170,96 206,130 230,168 228,194 190,204 120,206 76,196 40,168")
    c.part(body, skin, 15, 0.5)
    c.part(
        body * blur(blob("20,146 60,154 100,158 130,178 150,204 90,214 30,180"), 4),
        ramp(warts, (-2, "#b7b384"), (2, "#ece6bd")),
        9,
        alpha=0.9,
    )
    for _ in range(26):
        x, y, r = c.rng.uniform((104, 92, 3), (222, 176, 8))
        c.part(body * furry(oval(x, y, r, r * 0.75, 25), warts, 1), "#35431a", 2, alpha=0.75)
    c.part(body * furry(limb("34,128,3 64,124,4 104,128,7 128,146,3"), warts, 1), "#38361a", alpha=0.8)
    c.part(oval(112, 132, 9), "#8a8038", 3)
    c.part(limb("22,143,1.2 54,149,1.7 100,151,1.3"), "#2b2a12")
    c.part(oval(29, 128, 1.6), "#1c1d0c")
    c.part(oval(80, 97, 22, 20), skin, 6, 0.6)
    c.part(
        oval(78, 98, 15),
        ramp(np.hypot(X - 78, Y - 98) + c.noise(3), (4, "#e9c14a"), (11, "#b98424"), (15, "#4a3410")),
        3,
        0.4,
    )
    c.part(oval(78, 98, 10, 6), "#0b0a07")
    c.part(oval(73, 92, 3.6), "#ffffff")
    bands = ramp(
        np.sin((X + 0.6 * Y) / 5.5) + 0.7 * mottle + 0.4 * warts, (-2.2, "#46581f"), (-0.3, "#6c882d"), (1.6, "#a0bb4c")
    )
    for near in (
        "206,206,9 176,216,7 142,219,5",
        "212,178,25 184,172,22 152,176,14",
        "152,176,13 180,196,12 212,206,9",
    ):
        c.part(limb(near), bands, 6, 0.7)
    c.part(limb("104,168,15 96,190,11 92,210,8"), bands, 6, 0.7)
    toes = [(92, 212, x, y) for x, y in ((66, 222), (76, 228), (92, 231), (106, 227))] + [
        (146, 219, x, y) for x, y in ((116, 220), (120, 229), (136, 233))
    ]
    for x, y, tip_x, tip_y in toes:
        c.part(
            limb([(x, y, 4.5), ((x + tip_x) / 2, (y + tip_y) / 2 - 1, 3), (tip_x, tip_y, 3.2)]), bands * 0.95, 2, 0.7
        )


def horse(c: Canvas):
    """A chestnut horse in a paddock."""
    c.paint(1, ramp(Y, (0, "#9cc6e8"), (110, "#e8f0ee")))
    c.woods(62, 8, 60, (-2, "#2f4a27"), (0, "#54763a"), (2, "#93ae61"))
    c.paint(
        blur((Y > 128).astype(np.float32), 1.5),
        ramp(c.noise(20, 4) + (Y - 190) / 50, (-3, "#6d9339"), (0, "#7fa844"), (3, "#a5c460")),
    )
    for y in (112, 128):
        c.paint(poly([(0, y), (256, y - 3), (256, y + 1), (0, y + 4)]), "#cdbfa6", 0.9)
    for x in (22, 132, 240):
        c.paint(poly([(x - 3, 102), (x + 3, 102), (x + 3, 146), (x - 3, 146)]), "#b9a98d")
    c.shadow(oval(150, 230, 90, 9), 5, 0.55)
    fur = c.noise(20, 4, 15)
    coat = ramp(0.45 * fur - (Y - 130) / 40, (-3, "#5b2a12"), (0, "#96491d"), (2.6, "#c67a3c"))
    hair = ramp(c.noise(26, 2, 75), (-2, "#1d120d"), (2, "#56341f"))
    legs = [
        "108,148,11 98,176,6.5 92,192,5 86,210,3.8 90,226,4.6",
        "192,138,16 186,166,9 192,186,6 184,208,4 180,226,4.6",
    ]
    legs += [
        "116,146,15 116,176,8 116,188,6.5 116,210,4.4 113,230,5.4",
        "208,134,22 210,160,12 219,182,7 213,208,4.6 209,230,5.4",
    ]
    for i, leg in enumerate(legs):
        c.part(limb(leg), coat * (0.6 if i < 2 else 0.95), 5, 0.6)
        (ankle_x, ankle_y, _), (x, y, _) = points(leg)[-2:]
        c.part(limb([(ankle_x, ankle_y + 3, 4.6), (x, y - 3, 5.2)]), "#e9e2d6" if i > 1 else "#9b948a", 3)
        c.part(poly([(x - 5, y - 3), (x + 5, y - 3), (x + 6, y + 6), (x - 8, y + 6)]), "#2a211b", 2)
    c.part(furry(limb("222,108,6 238,126,9 240,160,10 234,196,4"), c.noise(20, 2, 85), 2), hair, 4)
    body = blob("92,116 108,90 132,86 164,91 196,86 220,96 231,120 225,144 200,150 166,158 132,160 104,152")
    neck = blob("128,88 108,58 90,36 72,44 70,70 82,100 94,140 128,150")
    c.part(np.maximum(body, neck), coat, 12, 0.55)
    head = blob("68,36 84,34 92,48 86,68 66,84 50,104 38,108 29,102 29,90 42,72 54,50")
    c.part(head, coat, 7, 0.55)
    for ear in (((72, 40), (68, 16), (80, 36)), ((80, 36), (84, 13), (91, 38))):
        c.part(poly(ear), coat * 0.85, 2)
    c.part(head * furry(blob("60,44 64,50 46,78 34,94 32,88 48,64"), fur, 1), "#f1e9dc", 2, alpha=0.9)
    c.part(head * blur(oval(32, 104, 13, 12), 3), "#4a3329", 3, alpha=0.8)
    c.part(oval(34, 96, 2.6, 3.4, 30), "#160e0a")
    c.part(limb("31,105,0.9 43,103,0.8"), "#22140e")
    c.part(oval(65, 59, 5, 4, -20), "#120c09", 1)
    c.part(oval(63.6, 57.6, 1.1), "#ffffff")
    crest = "74,32,5 94,38,9 110,60,11 124,84,9 134,92,3"
    c.part(furry(limb(crest), c.noise(14, 2, 60), 2), hair, 4, 0.6)
    c.part(furry(limb("78,32,5 70,42,4 67,52,2"), fur, 1), hair, 2)
    c.blades(1300, (224, 266), 20, ("#557d2c", "#b5cf6b"))
