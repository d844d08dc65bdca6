/**
 * Tensors as every module sees them: a typed stretch of native memory with a shape. No engine's own
 * types appear here, so collectives and checkpoints need no engine.
 */
package dev.trireme.api.tensor;
