package dev.trireme.api.job;

/**
 * What gradients lose on their way between ranks, to be fewer bytes. Only float32 gradients are
 * compressed, and only where there are several ranks. What {@link PowerSgd} and {@link TopK} leave
 * out of a step is kept as a residual and added to the next gradient of the same rank (error
 * feedback); residuals begin at zero with each generation and are not in checkpoints, so a resumed
 * run does not end with the bits of one never stopped.
 */
public sealed interface CompressionSpec {
  /** Gradients travel as they are. */
  @Variant(value = "none", doc = "Gradients travel as they are.")
  record None() implements CompressionSpec {}

  /** Half of the bytes; a sum above 65504 overflows to infinity. */
  @Variant(value = "float16", doc = "Gradients travel as float16: half of the bytes.")
  record Float16() implements CompressionSpec {}

  /** Half of the bytes, with float32's range and 8 bits of precision. */
  @Variant(value = "bfloat16", doc = "Gradients travel as bfloat16: half of the bytes.")
  record Bfloat16() implements CompressionSpec {}

  /** Vogels, Karimireddy and Jaggi (2019). */
  @Variant(
      value = "powersgd",
      doc = "Matrices travel as two thin factors, with error feedback.",
      shorthand = "rank")
  record PowerSgd(
      @Key(value = "Columns of each factor.", defaultValue = "4", min = 1, max = 256) int rank,
      @Key(
              value = "The first step that is compressed; gradients are most unsteady at first.",
              defaultValue = "1",
              min = 1)
          long startStep)
      implements CompressionSpec {}

  /** Stich, Cordonnier and Jaggi (2018). */
  @Variant(
      value = "topk",
      doc = "Only the largest elements travel, with error feedback.",
      shorthand = "ratio")
  record TopK(
      @Key(
              value = "The part of a bucket's elements that each rank sends.",
              defaultValue = "0.05",
              min = 0,
              exclusiveMin = true,
              max = 1)
          double ratio)
      implements CompressionSpec {}
}
