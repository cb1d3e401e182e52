"""The wall between the mathematics and the two engines.

Only this file names JAX and PyTorch for derivatives. Each function looks at the array it is given and uses the engine
that the array belongs to; everything else in the library is written once, over the array API standard.

Derivatives are of functions of one array. They nest: the gradient of a function that itself takes gradients is right
under both engines.
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tussle import records

Array = Any
_recording: contextvars.ContextVar[bool] = contextvars.ContextVar("recording", default=False)


# Engines ---------------------------------------------------------------------------------------------------------


def is_torch(x: Array) -> bool:
    """Say whether `x` is a PyTorch tensor, without importing PyTorch."""
    import array_api_compat

    return array_api_compat.is_torch_array(x)


def namespace(*arrays: Array) -> Any:
    """Return the array API namespace of the arrays (Python numbers and None are skipped)."""
    import array_api_compat

    found = [a for a in arrays if a is not None and not isinstance(a, (int, float))]
    return array_api_compat.array_namespace(*found)


@functools.cache
def jax_engine() -> Any:
    """Import JAX and teach it the library's records."""
    import jax

    def register(cls: type) -> None:
        varying, fixed = records.split_fields(cls)

        def flatten(node: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            return tuple(getattr(node, n) for n in varying), tuple(getattr(node, n) for n in fixed)

        def unflatten(aux: tuple[Any, ...], children: tuple[Any, ...]) -> Any:
            return records.rebuild(cls, dict(zip(varying + fixed, tuple(children) + aux, strict=True)))

        jax.tree_util.register_pytree_node(cls, flatten, unflatten)

    records.on_record(register)
    return jax


def float64() -> contextlib.AbstractContextManager[None]:
    """Return a context in which JAX computes in float64; the process's own setting is left alone."""
    return jax_engine().enable_x64(True)


def compiled(function: Callable[..., Any] | None = None, *, static: tuple[str, ...] = ()) -> Any:
    """Decorate a function of JAX arrays and records: compiled at its first call, run in float64."""
    if function is None:
        return functools.partial(compiled, static=static)

    @functools.cache
    def jitted() -> Callable[..., Any]:
        return jax_engine().jit(function, static_argnames=static)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with float64():
            return jitted()(*args, **kwargs)

    return call


def vectorized(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` mapped over the first axis of each of its arguments (JAX)."""
    return jax_engine().vmap(function)


def array(x: Any, like: Array | None = None) -> Array:
    """Return `x` as an array of the engine, type and device of `like` (JAX, in the scope's precision, when None)."""
    if like is None:
        return jax_engine().numpy.asarray(x, dtype=float)
    if is_torch(like):
        import torch

        if not is_torch(x):
            x = np.asarray(x)
            x = x if x.flags.writeable else x.copy()  # a tensor could write into memory that is not to be written
        return torch.as_tensor(x, dtype=like.dtype, device=like.device)
    return jax_engine().numpy.asarray(x, dtype=like.dtype)


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply `function` to the arrays in nested tuples, lists, dicts and records; None stays."""
    return jax_engine().tree_util.tree_map(function, tree)


def leaves(tree: Any) -> list[Any]:
    """Return the arrays in nested tuples, lists, dicts and records."""
    return jax_engine().tree_util.tree_leaves(tree)


def stacked(trees: list[Any]) -> Any:
    """Stack trees of NumPy arrays of the same shape along a new first axis."""
    return jax_engine().tree_util.tree_map(lambda *parts: np.stack(parts), *trees)


def to_numpy(x: Any) -> np.ndarray:
    """Return `x` as a NumPy array, detached from any engine."""
    if is_torch(x):
        return x.detach().cpu().numpy()
    return np.asarray(x)


@contextlib.contextmanager
def _record() -> Iterator[None]:
    """Within this context PyTorch keeps the graph, so that an outer derivative can pass through an inner one."""
    import torch

    token = _recording.set(True)
    try:
        with torch.enable_grad():
            yield
    finally:
        _recording.reset(token)


# Derivatives -----------------------------------------------------------------------------------------------------


def stop(x: Array) -> Array:
    """Return `x` as a constant for derivatives."""
    return x.detach() if is_torch(x) else jax_engine().lax.stop_gradient(x)


def value_and_gradient(function: Callable[[Array], Array], x: Array) -> tuple[Array, Array]:
    """Return the value and the gradient of a scalar function at `x`."""
    if not is_torch(x):
        return jax_engine().value_and_grad(function)(x)
    value, pull = pullback(function, x)
    return value, pull(None)


def gradient(function: Callable[[Array], Array], x: Array) -> Array:
    """Return the gradient of a scalar function at `x`."""
    return value_and_gradient(function, x)[1]


def pullback(function: Callable[[Array], Array], x: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return `function(x)` and the linear map u -> J^T u, which may be used many times."""
    if not is_torch(x):
        return _jax_pullback(function, x)
    import torch

    outer = _recording.get() or x.requires_grad
    with _record():
        leaf = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        y = function(leaf)

    def pull(u: Array) -> Array:
        if not y.requires_grad:
            return torch.zeros_like(x)
        create = outer or (u is not None and u.requires_grad)
        with torch.enable_grad():
            (g,) = torch.autograd.grad(y, leaf, u, create_graph=create, retain_graph=True, allow_unused=True)
        return torch.zeros_like(x) if g is None else g

    return (y if outer else y.detach()), pull


def _jax_pullback(function: Callable[[Array], Array], x: Array) -> tuple[Array, Callable[[Array], Array]]:
    jax = jax_engine()
    y, pull = jax.vjp(function, x)
    return y, lambda u: pull(jax.numpy.ones_like(y) if u is None else u)[0]


def vjp(function: Callable[[Array], Array], x: Array, u: Array) -> Array:
    """Return J^T u, with J the Jacobian of `function` at `x`."""
    return pullback(function, x)[1](u)


def jvp(function: Callable[[Array], Array], x: Array, t: Array) -> Array:
    """Return J t, with J the Jacobian of `function` at `x`.

    Under PyTorch this is the gradient of u -> u . J t taken through J^T u (two reverse passes), which asks of a module
    no more than that it can be differentiated twice.
    """
    if not is_torch(x):
        return jax_engine().jvp(function, (x,), (t,))[1]
    import torch

    outer = _recording.get() or x.requires_grad or t.requires_grad
    with _record():
        y, pull = pullback(function, x)
        probe = torch.zeros_like(y).requires_grad_()
        back = pull(probe)
        if not back.requires_grad:
            return torch.zeros_like(y)
        (forward,) = torch.autograd.grad(back, probe, t, create_graph=outer, allow_unused=True)
    return torch.zeros_like(y) if forward is None else forward


def jacobian(function: Callable[[Array], Array], x: Array) -> Array:
    """Return the dense Jacobian of `function` at the vector `x`, rows in the order of the outputs."""
    if not is_torch(x):
        return jax_engine().jacfwd(function)(x)
    import torch

    y, pull = pullback(function, x)
    rows = [pull(row) for row in torch.eye(y.shape[0], dtype=y.dtype, device=y.device)]
    return torch.stack(rows) if rows else torch.zeros((0, x.shape[0]), dtype=x.dtype)


def input_gradient(function: Callable[[Array], Array], x: Array) -> Array:
    """Return the gradient of each sample's output with respect to that sample, shape of `x`.

    `function` maps a batch to one number a sample and must not mix samples (batch statistics do).
    """
    return gradient(lambda inputs: namespace(inputs).sum(function(inputs)), x)


# Smooth functions whose derivatives of every order must be right at zero and finite far out -----------------------


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x)); it and its derivatives are exact to rounding (of the type, absolutely) for every x."""
    if is_torch(x):
        import torch

        return -torch.nn.functional.logsigmoid(-x)
    return _jax_logistics()[0](x)


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), without overflow."""
    if is_torch(x):
        return x.sigmoid()
    return _jax_logistics()[1](x)


@functools.cache
def _jax_logistics() -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Return softplus and sigmoid with softplus' = s(x) and s' = s(x) s(-x).

    Left to themselves, JAX's own would take three transcendental functions for softplus' where one is enough, and
    compute s' as s (1 - s), which cancels for large x.
    """
    jax = jax_engine()

    @jax.custom_jvp
    def softplus(x: Array) -> Array:
        return jax.numpy.logaddexp(x, 0.0)

    @jax.custom_jvp
    def sigmoid(x: Array) -> Array:
        return jax.nn.sigmoid(x)

    softplus.defjvp(lambda x, t: (softplus(*x), sigmoid(*x) * t[0]))
    sigmoid.defjvp(lambda x, t: (sigmoid(*x), sigmoid(*x) * sigmoid(-x[0]) * t[0]))
    return softplus, sigmoid


def erfc(x: Array) -> Array:
    """Return 1 - erf(x), without cancellation for large x."""
    return x.erfc() if is_torch(x) else jax_engine().scipy.special.erfc(x)


def log_erfc(x: Array) -> Array:
    """Return log(1 - erf(x)), without underflow for large x."""
    root = 2.0**0.5
    if is_torch(x):
        import torch

        return torch.special.log_ndtr(-root * x) + 0.6931471805599453
    return jax_engine().scipy.special.log_ndtr(-root * x) + 0.6931471805599453


def safe_sqrt(x: Array) -> Array:
    """Return the square root of x >= 0, with derivative 0 (not infinity) at x = 0."""
    if is_torch(x) and not x.requires_grad:  # one pass in place of four
        return x.clamp(min=0).sqrt()
    xp = namespace(x)
    positive = x > 0
    return xp.where(positive, xp.sqrt(xp.where(positive, x, xp.ones_like(x))), xp.zeros_like(x))


# Loops -----------------------------------------------------------------------------------------------------------


def loop(count: int, body: Callable[[Any], Any], start: Any, like: Array) -> Any:
    """Apply `body` to `start` `count` times."""
    if is_torch(like):
        for _ in range(count):
            start = body(start)
        return start
    return jax_engine().lax.fori_loop(0, count, lambda _, carry: body(carry), start)


def repeat_while(test: Callable[[Any], Any], body: Callable[[Any], Any], start: Any, like: Array) -> Any:
    """Apply `body` to `start` as long as `test` holds."""
    if is_torch(like):
        while bool(test(start)):
            start = body(start)
        return start
    return jax_engine().lax.while_loop(test, body, start)


def solve(matvec: Callable[[Array], Array], b: Array, algorithm: Callable[..., Array]) -> Array:
    """Solve A x = b given x -> A x and an iterative `algorithm(matvec, b)`.

    The derivative is that of the exact solution (implicit differentiation), not of the iterations; under PyTorch it is
    right to first order.
    """
    if is_torch(b):
        return _torch_solve(matvec, b, algorithm)
    jax = jax_engine()
    return jax.lax.custom_linear_solve(matvec, b, algorithm, transpose_solve=algorithm)


def _torch_solve(matvec: Callable[[Array], Array], b: Array, algorithm: Callable[..., Array]) -> Array:
    """Return x plus a zero whose derivative is A^-1 (db - dA x)."""
    x = stop(algorithm(matvec, stop(b)))
    if not (_recording.get() or b.requires_grad):
        return x
    _, transposed = pullback(matvec, stop(b))  # recorded now: the closure may see other values later
    return x + _torch_correction().apply(b - matvec(x), lambda u: stop(algorithm(transposed, u)))


@functools.cache
def _torch_correction() -> Any:
    import torch

    class Correction(torch.autograd.Function):
        """The zero with derivative A^-1 with respect to the residual."""

        @staticmethod
        def forward(ctx: Any, residual: Array, transpose_solve: Callable[[Array], Array]) -> Array:
            ctx.transpose_solve = transpose_solve
            return torch.zeros_like(residual)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, u: Array) -> tuple[Array, None]:
            return ctx.transpose_solve(u), None

    return Correction


def iterate(
    body: Callable[[Any, Any], Any], carry: Any, kept: int, stride: Any, pick: Any, like: Array, inputs: Any = None
) -> Any:
    """Apply `body(carry, input)` `kept` times `stride` times over and stack `pick(carry)` after each stride.

    `inputs`, where given, is a tree of arrays with one leading entry per step, handed out in order.

    Returns:
        the last carry, and the stacked picks (a tree with leading axis `kept`; None if `pick` is None).
    """
    if is_torch(like):
        return _iterate_torch(body, carry, kept, stride, pick, inputs)
    jax = jax_engine()

    def inner(k: Any, carry: Any, part: Any) -> Any:
        return body(carry, None if part is None else jax.tree_util.tree_map(lambda a: a[k], part))

    def outer(carry: Any, part: Any) -> Any:
        carry = jax.lax.fori_loop(0, stride, lambda k, c: inner(k, c, part), carry)
        return carry, None if pick is None else pick(carry)

    parts = jax.tree_util.tree_map(lambda a: a.reshape((kept, -1, *a.shape[1:])), inputs)
    return jax.lax.scan(outer, carry, parts, length=kept)


def _iterate_torch(body: Any, carry: Any, kept: int, stride: int, pick: Any, inputs: Any) -> Any:
    import torch

    found = []
    for k in range(kept * stride):
        carry = body(carry, None if inputs is None else tree_map(lambda a, k=k: a[k], inputs))
        if pick is not None and (k + 1) % stride == 0:
            found.append(pick(carry))
    stacked = tuple(torch.stack(parts) for parts in zip(*found, strict=True)) if found else None
    return carry, stacked
