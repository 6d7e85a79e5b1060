"""Search over the live articles: full text and sentence vectors, fused, with a score that says whether they answer."""

from knowledge_base.search.found import Found, PassageHit
from knowledge_base.search.fusion import fuse
from knowledge_base.search.knowledge_search import KnowledgeSearch
from knowledge_base.search.questions import Question, query_words
from knowledge_base.search.restrictions import Filters

__all__ = ["Filters", "Found", "KnowledgeSearch", "PassageHit", "Question", "fuse", "query_words"]
