package dev.trireme.data;

import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import java.util.List;
import java.util.Objects;

/**
 * Grey 28x28 pictures of digits, drawn anew each time they are asked for: an item is a function of
 * (seed, index) and takes no memory. Every pixel comes from additions, multiplications, square
 * roots and {@link StrictMath}, so that all machines draw the same.
 *
 * <p>A digit is one of a few ways of writing it ({@link DigitShapes}) with its points moved at
 * random, bent smooth, put through an affine map (size, slant, rotation, place) and drawn with a
 * pen of varying width; stray marks and noise come on top. A linear model cannot follow that, a
 * small convolutional network learns it from some ten thousand items.
 *
 * <p>Items with the same index and seed are the same whatever the number of items: a training and
 * an evaluation set with one seed would overlap and need different ones. Items of different seeds
 * have nothing in common.
 *
 * <p>Cost: some tens of microseconds an item. Threading: any.
 */
final class StrokeDigits implements CheckedSet, PixelSet {
  static final int SIDE = 28;
  static final int CLASSES = 10;

  private static final double CENTRE = (SIDE - 1) / 2.0;
  private static final int PIECES_PER_BEND = 4;

  private final String key;
  private final long seed;
  private final DatasetInfo info;

  /**
   * @param key where the job spec names the set, for messages
   */
  StrokeDigits(String key, DatasetSpec.Strokes spec) {
    this.key = key;
    this.seed = spec.seed();
    this.info = new DatasetInfo(spec.items(), Shape.of(1, SIDE, SIDE), DType.FLOAT32, CLASSES);
  }

  @Override
  public DatasetInfo info() {
    return info;
  }

  @Override
  public void requireLabelsBelow(int classes) {
    if (classes < CLASSES) {
      throw new DataException(
          key
              + ": the digits drawn from strokes have the classes 0..9, the training set has only 0.."
              + (classes - 1)
              + "; evaluate on a set of the same kind as the training set");
    }
  }

  @Override
  public ItemSet load() {
    return this;
  }

  @Override
  public int read(int item, byte[] pixels) {
    Objects.checkIndex(item, (int) info.items());
    SplitMix64 random = new SplitMix64(seed, item);
    int digit = random.nextInt(CLASSES);
    Canvas canvas = new Canvas(SIDE);
    drawDigit(digit, canvas, random);
    drawClutter(canvas, random);
    develop(canvas, random, pixels);
    return digit;
  }

  @Override
  public void close() {}

  private static void drawDigit(int digit, Canvas canvas, SplitMix64 random) {
    List<List<DigitShapes.Stroke>> ways = DigitShapes.of(digit);
    List<DigitShapes.Stroke> strokes = ways.get(random.nextInt(ways.size()));
    Placement placement = Placement.draw(random);
    double radius = random.uniform(0.6, 1.6);
    double darkness = random.uniform(0.6, 1);
    for (DigitShapes.Stroke stroke : strokes) {
      double[] points = new double[stroke.points().length];
      for (int i = 0; i < points.length; i += 2) {
        double x = stroke.points()[i] + 0.05 * random.gaussian();
        double y = stroke.points()[i + 1] + 0.05 * random.gaussian();
        points[i] = placement.x(x, y);
        points[i + 1] = placement.y(x, y);
      }
      draw(stroke, points, radius, darkness, canvas);
    }
  }

  private static void draw(
      DigitShapes.Stroke stroke, double[] points, double radius, double darkness, Canvas canvas) {
    int size = stroke.size();
    int spans = stroke.closed() ? size : size - 1;
    int pieces = stroke.smooth() ? PIECES_PER_BEND : 1;
    double x = points[0];
    double y = points[1];
    for (int span = 0; span < spans; span++) {
      for (int piece = 1; piece <= pieces; piece++) {
        double t = (double) piece / pieces;
        double nextX = between(stroke, points, span, t, 0);
        double nextY = between(stroke, points, span, t, 1);
        canvas.draw(x, y, nextX, nextY, radius, darkness);
        x = nextX;
        y = nextY;
      }
    }
  }

  /**
   * A coordinate between point {@code span} and the next: on a straight line or, for smooth
   * strokes, on the Catmull-Rom spline (1974), which passes through all points.
   */
  private static double between(
      DigitShapes.Stroke stroke, double[] points, int span, double t, int axis) {
    double p1 = point(stroke, points, span, axis);
    double p2 = point(stroke, points, span + 1, axis);
    if (!stroke.smooth()) {
      return p1 + t * (p2 - p1);
    }
    double p0 = point(stroke, points, span - 1, axis);
    double p3 = point(stroke, points, span + 2, axis);
    double linear = p2 - p0;
    double square = 2 * p0 - 5 * p1 + 4 * p2 - p3;
    double cube = 3 * (p1 - p2) + p3 - p0;
    return p1 + 0.5 * t * (linear + t * (square + t * cube));
  }

  private static double point(DigitShapes.Stroke stroke, double[] points, int index, int axis) {
    int last = stroke.size() - 1;
    int inside =
        stroke.closed() ? Math.floorMod(index, stroke.size()) : Math.max(0, Math.min(last, index));
    return points[2 * inside + axis];
  }

  /** Stray strokes and blots, fainter or shorter than a digit's own. */
  private static void drawClutter(Canvas canvas, SplitMix64 random) {
    int strays = random.nextInt(3);
    for (int i = 0; i < strays; i++) {
      double x = random.uniform(0, SIDE - 1);
      double y = random.uniform(0, SIDE - 1);
      double dx = random.uniform(-6, 6);
      double dy = random.uniform(-6, 6);
      canvas.draw(x, y, x + dx, y + dy, random.uniform(0.3, 0.8), random.uniform(0.2, 0.6));
    }
    int blots = random.nextInt(3);
    for (int i = 0; i < blots; i++) {
      double x = random.uniform(0, SIDE - 1);
      double y = random.uniform(0, SIDE - 1);
      canvas.draw(x, y, x, y, random.uniform(0.5, 1.8), random.uniform(0.2, 0.6));
    }
  }

  /** Darkness to bytes, with noise of a strength that differs from picture to picture. */
  private static void develop(Canvas canvas, SplitMix64 random, byte[] pixels) {
    double noise = random.uniform(0, 25);
    for (int i = 0; i < pixels.length; i++) {
      double grey = 255 * canvas.at(i) + noise * random.gaussian();
      pixels[i] = (byte) Math.max(0, Math.min(255, (int) (grey + 0.5)));
    }
  }

  /** An affine map from the box of {@link DigitShapes} to pixels. */
  private record Placement(
      double xx, double xy, double yx, double yy, double shiftX, double shiftY) {
    static Placement draw(SplitMix64 random) {
      double angle = random.uniform(-0.3, 0.3);
      double slant = random.uniform(-0.35, 0.35);
      double width = random.uniform(7, 11.5);
      double height = random.uniform(7, 11.5);
      double cos = StrictMath.cos(angle);
      double sin = StrictMath.sin(angle);
      // Scale, then slant (x moves with y), then rotation.
      return new Placement(
          cos * width,
          cos * slant * height - sin * height,
          sin * width,
          sin * slant * height + cos * height,
          CENTRE + random.uniform(-3, 3),
          CENTRE + random.uniform(-3, 3));
    }

    double x(double x, double y) {
      return shiftX + xx * x + xy * y;
    }

    double y(double x, double y) {
      return shiftY + yx * x + yy * y;
    }
  }
}
