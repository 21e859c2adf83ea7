"""What people are told about the retrieval of training records."""

from __future__ import annotations

from typing import Final

EMBEDDING_LOST: Final = "向量服务无法访问，相似样例暂时只按字词查找"
RECORDS_UNUSABLE: Final = (
    "有 {count} 条训练数据的向量不是当前向量模型生成的，暂不参与检索，请运行 python -m scripts.reembed"
)
EMBEDDED_TEXT: Final = "健康检查"
