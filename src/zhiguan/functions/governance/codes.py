"""The function's place in the menu."""

from zhiguan.kit.manifest import MenuGroup

GROUP = MenuGroup("governance", "一网通办", 20, "building-bank")
