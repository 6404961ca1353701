"""A trained model elsewhere: as ONNX for programs without torch, and on the Hugging Face Hub.

Read `graphs.py` (what each graph computes), `onnx.py` (how they are written and checked;
`examples/onnx` edits with them), and
`push.py` (what of a run goes to the hub; `attredit.runs.hub` brings it back).
"""
