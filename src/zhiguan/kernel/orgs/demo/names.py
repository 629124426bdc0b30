"""Invented names of people: common surnames and given characters, put together at random."""

from __future__ import annotations

from random import Random

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏"
    "钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊殷施陶洪翟安颜倪"
)
GIVEN_FIRST = "文志明建国晓永海春丽小玉秀俊宏立家嘉思雨欣子雅天德光世少卫新振景庆正兴学承佳梓若书静慧宇泽浩"
GIVEN_LAST = "华明军平伟芳敏静强磊洋勇艳杰娟涛超霞刚玲辉鹏飞红英燕梅琳波宁斌健峰颖莉萍毅晨昊然琪瑶怡婷雯轩航哲"


def full_name(random: Random) -> str:
    """Return a name of two or three characters; common surnames come more often."""
    surname = SURNAMES[min(int(random.expovariate(1 / 22)), len(SURNAMES) - 1)]
    last = random.choice(GIVEN_LAST)
    return surname + (last if random.random() < 0.22 else random.choice(GIVEN_FIRST) + last)
