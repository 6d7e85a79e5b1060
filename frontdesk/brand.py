from knowledge_base.brand import *  # noqa
from knowledge_base.brand import Brand, BrandError, load_brand  # noqa
