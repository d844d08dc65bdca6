package dev.trireme.api.engine;

/**
 * What forward found over a number of items, as sums, so that the parts of several ranks add up.
 *
 * @param lossSum the sum of the items' losses
 * @param correct items whose class was predicted rightly; 0 where labels are not classes
 * @param items in this part, at least 0
 */
public record Loss(double lossSum, long correct, long items) {
  /** Over no items. */
  public static final Loss NONE = new Loss(0, 0, 0);

  /** Both parts together. */
  public Loss plus(Loss other) {
    return new Loss(lossSum + other.lossSum, correct + other.correct, items + other.items);
  }
}
