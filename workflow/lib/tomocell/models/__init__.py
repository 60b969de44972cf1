"""Networks: one file each, found by discovery.

A module here offers

- ``Settings``: a frozen class, each field described; the defaults are the published network;
- ``DIMENSIONS``: 2 (planes, or a few neighbouring planes as channels) or 3 (cubes);
- ``TINY``: settings small enough to try the network in a second on a CPU;
- ``stride(settings)``: what each edge of the input must be a multiple of;
- ``build(settings, planes, classes)``: the network. It takes (N, planes, rows, columns), or (N, 1, Z, Y, X), whose
  edges are multiples of the stride, and returns logits of the same edges, (N, classes, ...);
- ``start(network, settings)``, if weights from elsewhere can start it.

A network with deep supervision also has a method ``training_outputs(x)`` that returns logits for the loss to average,
each of the input's edges, the main ones first. Whoever uses a network gets it from ``saved.build_network``, which lets
it take any size.
"""
