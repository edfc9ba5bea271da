"""The four machines among the CIFAR-10 classes; each paints its scene back to front."""

import numpy as np

from .canvas import Canvas, X, Y, blob, blur, limb, oval, points, poly, ramp, smooth


def airplane(c: Canvas):
    """An airliner climbing to the left past clouds."""
    c.paint(1, ramp(Y, (0, "#2f74c4"), (150, "#79b2e6"), (256, "#c8e0f2")))
    puff = c.noise(90, 42, octaves=5) + (Y - 150) / 70
    c.paint(np.clip(puff - 0.4, 0, 1.2) / 1.2, ramp(c.noise(40, 22), (-2, "#b9cbe0"), (1, "#ffffff")), 0.9)
    white, grey = "#eef1f5", "#9aa5b3"

    def tilt(spec):  # nose up by 9 degrees
        s, k = 0.93 * np.sin(np.radians(9)), 0.93 * np.cos(np.radians(9))
        around = [(x - 130, y - 124) for x, y in points(spec)]
        return [(128 + x * k - y * s, 118 + x * s + y * k) for x, y in around]

    c.part(poly(tilt("120,118 150,118 196,78 184,78")), "#7f8b9b", 3)  # the far wing
    c.part(poly(tilt("212,112 238,112 250,92 240,92")), "#8b96a5", 2)
    c.part(poly(tilt("196,116 232,62 248,60 240,122")), "#20508f", 5)  # fin
    c.part(poly(tilt("214,88 222,76 245,74 244,84")), "#f3b03c")
    body = smooth("10,134 16,124 36,113 70,110 190,109 246,113 250,117 200,140 160,147 50,147 22,142")
    hull = poly(tilt(body))
    c.part(hull, white, 8, 0.55)
    c.part(hull * poly(tilt("0,138 256,132 256,160 0,160")), "#5b6f8c", alpha=0.5)
    c.part(hull * poly(tilt("0,133.5 256,126 256,129 0,137")), "#20508f")
    c.part(poly(tilt("16,124 24,119 36,117 34,123")) * hull, "#22303f")
    for x in range(46, 222, 8):
        c.part(oval(*tilt([(x, 122)])[0], 1.7, 2.5, 9), "#34455a")
    for x in (40, 128, 226):
        c.part(poly(tilt([(x, 117), (x + 6, 117), (x + 6, 131), (x, 131)])), "#8b98a8", alpha=0.55)
    c.part(blob(tilt("98,160 104,153 130,153 140,158 134,169 106,171")), "#dfe4ea", 5, 0.8)  # engine
    c.part(oval(*tilt("101,163")[0], 3.5, 8, 9), "#1f2834")
    c.part(poly(tilt("92,140 150,138 222,196 206,198 118,150")), grey, 5, 0.5)  # the near wing
    c.part(poly(tilt("92,140 118,150 206,198 203,193 124,144")), "#eff3f7")
    c.part(poly(tilt("206,116 236,116 254,138 243,139")), "#aab4c1", 3)


def automobile(c: Canvas):
    """A red hatchback on a country road."""
    c.paint(1, ramp(Y, (0, "#8fbde6"), (90, "#e3edf3")))
    c.woods(66, 9, 50, (-2, "#243d22"), (0, "#47682f"), (2, "#8fa752"))
    c.paint(Y > 116, ramp(c.noise(14, 3), (-2, "#56742f"), (2, "#9bb45a")))
    c.paint(Y > 132, ramp(Y + 9 * c.noise(40, 5) + 5 * c.noise(3), (130, "#8d8f92"), (256, "#5d6066")))
    c.paint(Y > 132, "#c9c7bd", 0.7 * (Y < 135))
    for x in (-30, 90, 210):
        c.paint(poly([(x, 226), (x + 66, 226), (x + 58, 233), (x - 10, 233)]), "#e8e6da", 0.85)
    c.shadow(oval(128, 203, 116, 10), 4, 0.8)
    red = ramp(Y, (88, "#e8453c"), (136, "#d3201f"), (165, "#b01418"), (190, "#6d0a10"))
    c.part(poly("40,170 226,170 220,200 46,200"), "#16181c")
    shell = blob("13,172 15,152 30,140 84,128 114,96 152,87 196,92 224,126 241,136 244,170 234,191 130,194 24,191")
    c.part(shell, red, 5, 0.5)
    c.part(shell * poly("16,148 60,137 236,134 238,138 60,142 18,153"), "#ff9c8d", alpha=0.75)
    c.part(shell * poly("10,176 246,176 246,196 10,196"), "#2a2225", alpha=0.7)
    glass = ramp(Y - 0.35 * X + 6 * c.noise(30, 9), (35, "#dbe9f0"), (62, "#5a7386"), (95, "#1f2c37"))
    c.part(blob("93,127 104,112 119,99 144,95 145,127 118,128"), glass, 2)
    c.part(poly("151,95 190,97 208,126 151,127"), glass, 2)
    for line in ("148,96 148,184", "92,130 90,150 96,184", "206,130 200,152"):
        c.part(limb([(x, y, 0.8) for x, y in points(line)]), "#5d0c10", alpha=0.8)
    for x in (136, 194):
        c.part(limb([(x - 5, 143, 1.7), (x + 5, 143, 1.7)]), "#6c1013", 1)
    c.part(blob("84,127 90,119 98,121 97,130"), "#c31d1d", 3)
    c.part(blob("17,150 30,142 44,143 38,154 20,158"), "#f6f3df", 3, 0.6)
    c.part(blob("232,138 241,138 243,156 235,156"), "#7d0d12", 2)
    c.part(poly("14,166 34,166 34,174 15,176"), "#1b1d20")
    for x in (66, 193):
        c.part(oval(x, 183, 29, 28) * (Y < 190), "#1a1114")
        c.part(oval(x, 185, 24), "#22242a", 4, 0.9)
        c.part(oval(x, 185, 15.5), "#c7ccd3", 3, 0.6)
        for turn in range(0, 360, 60):
            c.part(oval(x + 9.5 * np.cos(np.radians(turn)), 185 + 9.5 * np.sin(np.radians(turn)), 3.6), "#3a3e46")
        c.part(oval(x, 185, 3), "#7d838c", 1)


def ship(c: Canvas):
    """A small passenger ship at sea."""
    c.paint(1, ramp(Y, (0, "#5f9bd4"), (150, "#dbe9f1")))
    c.paint(np.clip(c.noise(110, 26, octaves=5) + (Y - 110) / 90 - 0.3, 0, 1), "#ffffff", 0.8)
    c.paint(poly("0,152 0,144 60,140 110,146 170,143 256,147 256,152"), "#8fa9bf", 0.9)

    def sea(ripple):
        return ramp(
            Y * 0.016 - 3.2 + 0.55 * ripple, (-2.2, "#123f6b"), (-0.4, "#22669d"), (0.8, "#3f8ec0"), (2.2, "#cfe6ef")
        )

    chop = np.where(Y < 190, c.noise(12, 1.6), c.noise(26, 4))
    c.paint(Y > 151, sea(chop))
    c.paint(blur(poly("30,190 240,190 226,226 60,230"), 6), "#0d2c4c", 0.55)  # reflection
    for x, y, w, h in ((66, 112, 150, 26), (78, 93, 122, 22), (92, 76, 86, 20)):
        c.part(poly([(x + 6, y), (x + w, y), (x + w + 3, y + h), (x, y + h)]), "#f3f5f6", 3, 0.4)
        c.part(poly([(x + 3, y + h - 3), (x + w + 3, y + h - 3), (x + w + 3, y + h), (x + 2, y + h)]), "#9fb0c0")
        for step in range(x + 12, x + w - 5, 10):
            c.part(poly([(step, y + 7), (step + 6, y + 7), (step + 6, y + 13), (step, y + 13)]), "#33495f")
    c.part(poly("96,60 150,60 154,78 91,78"), "#fbfcfc", 3, 0.4)  # bridge
    c.part(poly("95,65 151,65 153,72 93,72"), "#21323f")
    c.part(poly("158,44 184,44 188,78 156,78"), "#d8402f", 5, 0.8)  # funnel
    c.part(poly("158,44 184,44 185,52 157.5,52"), "#1d2126", 4)
    for foot, tip, y in ((122, 118, 60), (222, 226, 112), (52, 47, 126)):
        c.part(limb([(foot, y, 1.6), (tip, y - 42, 1)]), "#59646f", 1)
    c.part(limb("108,40,0.9 132,40,0.9"), "#59646f")
    hull = poly("8,122 30,130 70,136 180,137 248,132 243,170 236,206 46,206 28,176")
    c.part(hull, ramp(Y, (120, "#23507f"), (175, "#16355a"), (200, "#0f2440")), 5, 0.5)
    c.part(hull * (Y > 184), "#a8322a", 6)
    c.part(hull * poly("8,122 30,130 70,136 180,137 248,132 248,138 180,143 70,142 8,129"), "#f0f2f2")
    for x in range(60, 236, 14):
        c.part(oval(x, 156, 2.6), "#cfdbe4", 0.7)
    c.part(oval(27, 148, 4), "#0b1626")
    swell = Y > 196 + 2.2 * c.noise(24, 900)
    c.paint(swell, sea(c.noise(26, 5)))
    foam = (
        np.clip(1.2 - np.abs(Y - 198 - 3 * c.noise(20, 900)) / 5, 0, 1)
        * (X > 18)
        * (X < 250)
        * np.clip(c.noise(9, 4) + 0.9, 0, 1)
    )
    c.paint(foam, "#f4fafb", 0.9)


def truck(c: Canvas):
    """A delivery truck, three quarters from the front."""
    c.paint(1, ramp(Y, (0, "#7fb2e2"), (120, "#e6eef2")))
    c.paint(np.clip(c.noise(80, 22, octaves=4) - 0.2, 0, 1), "#ffffff", 0.7)
    c.woods(112, 6, 60, (-2, "#31492b"), (2, "#7f9a52"))
    c.paint(Y > 146, ramp(c.noise(16, 3), (-2, "#7b8146"), (2, "#b3ab6c")))
    c.paint(Y > 160, ramp(Y + 8 * c.noise(50, 5) + 5 * c.noise(3), (160, "#97979a"), (256, "#63656b")))
    c.paint(poly("0,236 256,204 256,207 0,242"), "#ece6cf", 0.8)
    c.shadow(poly("22,208 80,222 120,214 250,190 250,182 20,196"), 4, 0.85)
    c.part(poly("26,180 110,180 246,165 246,184 120,206 84,212 28,204"), "#17191d")
    for x, y, rx, ry in ((226, 182, 11, 16), (204, 185, 12, 17)):
        c.part(oval(x, y, rx, ry), "#1c1e22", 3, 0.9)
        c.part(oval(x - 1, y, rx * 0.5, ry * 0.5), "#a9adb2", 2)
    c.part(oval(38, 204, 10, 14), "#15171a", 3)
    side = poly("110,34 248,62 248,170 110,190")
    c.part(side, ramp(X + 6 * c.noise(40), (110, "#f4f4ef"), (248, "#c9cdd0")), 2, 0.2)
    for x in range(122, 248, 12):
        c.part(side * (np.abs(X - x) < 0.8), "#9ea5ab", alpha=0.5)
    c.part(side * poly("110,112 248,112 248,130 110,136"), "#2d6fb3")
    c.part(side * poly("110,142 248,135 248,140 110,149"), "#f0a52e")
    c.part(side * (Y > 166 - (X - 110) * 0.1 + 14), "#54595f")
    c.part(poly("34,42 110,34 110,120 34,110"), "#a3abb2", 2, 0.3)
    blue, deep = ramp(Y, (80, "#3f86cf"), (200, "#1d4f90")), ramp(Y, (80, "#2a5f9f"), (200, "#153a6c"))
    c.part(poly("84,88 116,84 116,196 84,206"), deep, 3, 0.4)  # door
    c.part(poly("20,92 84,88 84,206 22,194"), blue, 4, 0.5)  # front
    glass = ramp(Y + 0.5 * X + 7 * c.noise(30, 9), (118, "#d4e4ec"), (150, "#5c7688"), (185, "#1d2a34"))
    c.part(poly("25,98 80,95 80,136 25,132"), glass, 2)
    c.part(poly("89,96 111,93 111,130 89,134"), glass, 2)
    c.part(poly("27,148 79,153 79,174 27,167"), "#20262d", 2)
    for y in (152, 158, 164):
        c.part(poly([(29, y), (77, y + 5), (77, y + 7), (29, y + 2)]), "#b8c0c6")
    c.part(poly("20,176 86,186 86,206 22,194"), "#d5d8da", 4, 0.6)
    for x, y in ((29, 182), (76, 190)):
        c.part(oval(x, y, 6.5, 5.5), "#fff6d2", 2, 0.6)
    c.part(limb("100,146,1.5 108,145,1.5"), "#0f2748")
    for x, y in ((14, 112), (118, 106)):
        c.part(blob([(x - 5, y - 12), (x + 4, y - 12), (x + 4, y + 13), (x - 5, y + 13)]), "#20242a", 2)
    c.part(oval(102, 200, 16, 20) * (Y < 202), "#101215")
    c.part(oval(103, 202, 13, 18), "#1c1e22", 3, 0.9)
    c.part(oval(102, 202, 6.5, 9), "#b4b8bd", 2)
