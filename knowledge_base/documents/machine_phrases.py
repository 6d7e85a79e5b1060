"""Phrases of published prompt injections, as regular expressions over text that scan.py folded (no underscores)."""

from __future__ import annotations

import re

_OLD = r"(?:previous|prior|preceding|earlier|above|former|initial|original|existing|foregoing|system)"
_ORDERS = r"(?:instructions?|directions?|directives?|guidelines?|rules?|prompts?|commands?|orders?|context|messages?)"
PHRASES = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"\b(?:ignore|disregard|forget|neglect|override|overrule|bypass|skip|delete|erase)\b"
        rf"(?:\s+\w+){{0,4}}?\s+(?:{_OLD}\s+(?:\w+\s+){{0,2}}?{_ORDERS}|{_ORDERS}\s+(?:\w+\s+){{0,2}}?(?:above"
        rf"|before))\b",
        r"\b(?:ignore|disregard|forget)\s+(?:all|everything|anything)\s+(?:\w+\s+){0,3}?"
        r"(?:above|before|previous(?:ly)?|prior|you (?:know|were|have|learned|learnt))\b",
        rf"\b(?:ignore|disregard|forget|override)\s+(?:all\s+)?(?:of\s+)?(?:your|the system'?s?"
        rf"|its)\s+(?:\w+\s+){{0,2}}?{_ORDERS}\b",
        r"\b(?:reveal|print|repeat|output|show|tell|display|leak|expose)\b(?:\s+\w+){0,4}?\s+(?:your|the)\s+"
        r"(?:\w+\s+)?(?:system|hidden|initial|secret|original)\s+(?:\w+\s+)?(?:prompts?|instructions?|messages?)\b",
        r"\b(?:forget|ignore|disregard|drop)\s+(?:about\s+)?(?:all|everything|any)\b(?:\s+\w+){0,4}?[\s,.;:]+"
        r"(?:assignments?|tasks?|instructions?|and (?:say|write|tell|print|answer)|write|say|that (?:came"
        r"|was said))\b",
        r"\byou are (?:now|no longer)\s+(?:an? (?:\w+ )?(?:ai|model|assistant|chatbot|bot|hacker|pirate"
        r"|terminal)|in \w+ mode|free|"
        r"acting|bound by|dan\b|chatgpt|gpt)\b",
        r"\b(?:(?:your|all|entire|the) prompt texts?|your (?:full |entire |whole )?prompts?|(?:beginning"
        r"|start|top) of (?:this|the|your) prompt)\b",
        r"\bnew instructions (?:follow|are)\b|\byour (?:new )?(?:instructions|task|orders) (?:are|is) now\b"
        r"|\bnow (?:focus|concentrate) on your new task\b",
        r"\b(?:as|you are|you're) an? (?:ai|artificial intelligence|large language model|language model|llm"
        r"|chatbot|assistant)\b"
        r"[^.\n]{0,60}\b(?:must|should|shall|have to|need to|will|ignore|respond|reply|answer|always|never)\b",
        r"\b(?:pretend|act|behave|roleplay|role-play)\s+(?:to be|as if|as though|as|like)\s+(?:you"
        r"|an?\s+(?:\w+\s+)?(?:ai|model|assistant|chatbot|hacker|persona|terminal))\b",
        r"\b(?:new|updated|real|actual|important|following|secret|hidden"
        r"|additional) (?:system )?instructions?\s*(?:for (?:the )?(?:ai|assistant|model|chatbot|bot|llm)s?|:)",
        r"\b(?:instructions?|notes?|messages?|attention) (?:to|for) (?:the |any |all )?(?:ai|assistant"
        r"|language model|llm|chatbot|bot|model)s?\b",
        r"\b(?:ai|language) (?:assistants?|models?|systems?) (?:reading|processing|that reads?|which reads?) this\b",
        r"\b(?:do not|don't|never) (?:tell|inform|mention|reveal|disclose"
        r"|let)\b[^.\n]{0,40}\b(?:the )?(?:user|customer|human)s?\b"
        r"[^.\n]{0,40}\b(?:this|these|about|that|instructions?|know|prompt)\b",
        r"\b(?:respond|reply|answer) (?:only|always|exclusively) (?:with|in|by)\b",
        r"\b(?:start|begin|end) (?:every|each|all|your) (?:\w+ )?(?:answers?|repl(?:y|ies)|responses?|messages?)\b",
        r"\b(?:system|developer) prompt\b",
        r"\b(?:jailbreak|jailbroken|do anything now|developer mode (?:enabled|on))\b",
        r"<\|?\s*(?:im start|im end|endoftext|system|assistant|begin of text|eot id|start header id)\s*\|?>",
        r"\[/?(?:inst|system|sys)\]|<</?sys>>|^###\s*(?:system|instruction|assistant|human)\b",
        r"^\s*(?:system|assistant|developer)\s*:\s*\S",
        r"\b(?:ignoriere?n?|vergiss|vergessen sie|missachte)\b[^.\n]{0,40}\b(?:anweisung(?:en)?|vorgaben"
        r"|befehle?|regeln|aufgaben|auftrage|prompts?|instruktionen|alles)\b",
        r"\b(?:ignorez?|oubliez?)\b[^.\n]{0,40}\b(?:instructions?|consignes?|regles?)\b",
        r"\b(?:ignor[ae]|olvid[ae])\b[^.\n]{0,40}\b(?:instrucciones|ordenes|reglas)\b",
    )
)
