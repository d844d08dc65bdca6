package dev.trireme.api.job;

/** The course of the learning rate after the warm-up. */
public sealed interface ScheduleSpec {
  @Variant(value = "constant", doc = "The same rate throughout.")
  record Constant() implements ScheduleSpec {}

  @Variant(value = "step", doc = "Multiplied by gamma every so many steps.")
  record Step(
      @Key(value = "Steps between two changes.", min = 1) long every,
      @Key(
              value = "What the rate is multiplied by.",
              defaultValue = "0.1",
              min = 0,
              exclusiveMin = true,
              max = 1)
          double gamma)
      implements ScheduleSpec {}

  @Variant(value = "cosine", doc = "Falls along half a cosine to the end of the job.")
  record Cosine(
      @Key(
              value = "The last rate as a part of the base rate.",
              defaultValue = "0",
              min = 0,
              max = 1)
          double minFactor)
      implements ScheduleSpec {}

  @Variant(value = "one-cycle", doc = "Rises to the base rate and falls far below where it began.")
  record OneCycle(
      @Key(
              value = "The part of the steps in which it rises.",
              defaultValue = "0.3",
              min = 0,
              exclusiveMin = true,
              max = 0.99)
          double riseFraction,
      @Key(value = "The first rate is the base rate divided by this.", defaultValue = "25", min = 1)
          double startDivisor,
      @Key(
              value = "The last rate is the base rate divided by this.",
              defaultValue = "10000",
              min = 1)
          double endDivisor)
      implements ScheduleSpec {}
}
