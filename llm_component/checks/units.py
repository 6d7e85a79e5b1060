"""Units of measure as texts name them, each with its base unit and the factor to it."""

from __future__ import annotations

# Units in their normal form with a factor. Hours and days share one base, months and years another: "24 hours" is
# "one day", but "30 days" is not "one month".
UNITS: dict[str, tuple[str, float]] = {}
for _base, _factor, _names in (
    ("working_day", 1, "working day|business day|working-day|workday|business-day"),
    ("minute", 1 / 60, "second|sec"),
    ("minute", 1, "minute|min"),
    ("minute", 60, "hour|hr"),
    ("minute", 1440, "day|calendar day|night"),
    ("minute", 10080, "week"),
    ("minute", 20160, "fortnight"),
    ("month", 1, "month"),
    ("month", 12, "year|yr"),
    ("millimetre", 1, "mm|millimetre|millimeter"),
    ("millimetre", 10, "cm|centimetre|centimeter"),
    ("millimetre", 1000, "m|metre|meter"),
    ("inch", 1, "inch|inche|in"),
    ("mile", 1, "mile"),
    ("kilometre", 1, "km|kilometre|kilometer"),
    ("gram", 1, "g|gram|gramme"),
    ("gram", 1000, "kg|kilo|kilogram"),
    ("millilitre", 1, "ml|millilitre"),
    ("millilitre", 1000, "l|litre|liter"),
    ("watt", 1, "w|watt"),
    ("watt", 1000, "kw|kilowatt"),
    ("volt", 1, "v|volt"),
    ("ampere", 1, "a|amp|ampere"),
    ("degree", 1, "°c|° c|degree|degrees celsius|degrees c|°"),
    ("fahrenheit", 1, "°f|degrees fahrenheit"),
    ("decibel", 1, "db|decibel"),
    ("gigahertz", 1, "ghz"),
    ("megabyte", 1, "mb"),
    ("megabyte", 1000, "gb"),
    ("square_metre", 1, "m²|sqm|square metre"),
    ("cubic_metre", 1, "m³|cubic metre|m³/h"),
    ("bar", 1, "bar"),
    ("degree", 1, "celsius"),
):
    for _name in _names.split("|"):
        UNITS[_name] = (_base, _factor)
