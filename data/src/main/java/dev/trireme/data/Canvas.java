package dev.trireme.data;

/**
 * A square grey picture that round-ended strokes are drawn on, anti-aliased.
 *
 * <p>A pixel's share of a stroke is taken from the distance of its centre to the stroke's middle
 * line: 1 where that is half a pixel less than half the width, 0 where it is half a pixel more, and
 * linear between. Where strokes cross, the darker counts. Cost: for each piece of a stroke, the
 * pixels of its bounding box.
 */
final class Canvas {
  private final int side;
  private final double[] ink;

  Canvas(int side) {
    this.side = side;
    this.ink = new double[side * side];
  }

  /**
   * Draws a straight piece of stroke; a dot when both ends are one.
   *
   * @param radius half the width, in pixels
   * @param darkness of its ink, in 0..1
   */
  void draw(double x0, double y0, double x1, double y1, double radius, double darkness) {
    double reach = radius + 0.5;
    int left = Math.max(0, (int) Math.ceil(Math.min(x0, x1) - reach));
    int right = Math.min(side - 1, (int) Math.floor(Math.max(x0, x1) + reach));
    int top = Math.max(0, (int) Math.ceil(Math.min(y0, y1) - reach));
    int bottom = Math.min(side - 1, (int) Math.floor(Math.max(y0, y1) + reach));
    double dx = x1 - x0;
    double dy = y1 - y0;
    double length2 = dx * dx + dy * dy;
    double perLength2 = length2 > 0 ? 1 / length2 : 0;
    for (int y = top; y <= bottom; y++) {
      for (int x = left; x <= right; x++) {
        double along = ((x - x0) * dx + (y - y0) * dy) * perLength2;
        double nearest = Math.max(0, Math.min(1, along));
        double ox = x - x0 - nearest * dx;
        double oy = y - y0 - nearest * dy;
        double distance2 = ox * ox + oy * oy;
        if (distance2 < reach * reach) {
          double share = Math.min(1, reach - Math.sqrt(distance2));
          int pixel = y * side + x;
          ink[pixel] = Math.max(ink[pixel], share * darkness);
        }
      }
    }
  }

  /** The darkness of a pixel, in 0..1. */
  double at(int pixel) {
    return ink[pixel];
  }
}
