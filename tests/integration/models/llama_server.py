"""A process that serves a model with llama.cpp's own OpenAI-compatible server, until its standard input ends.

llama_server.py MODEL KEY - prints its address.
"""

from __future__ import annotations

import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.api_keys = [sys.argv[2]]
params.model_alias = {"noise"}
params.n_ctx = 512
params.n_predict = 60
params.cpuparams.n_threads = 1
params.port = 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
