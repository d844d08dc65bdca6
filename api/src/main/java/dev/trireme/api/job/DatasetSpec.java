package dev.trireme.api.job;

import java.util.List;

/** Where items come from; chosen by the key {@code format}. */
@Choice("format")
public sealed interface DatasetSpec {
  /** The files it reads, as written in the job spec. */
  List<String> files();

  /** Images and labels in the IDX format of MNIST, plain or gzipped. */
  @Variant(value = "idx", doc = "Images and labels in the IDX format of MNIST, plain or gzipped.")
  record Idx(
      @Key("The images: IDX of unsigned bytes with 2 or more dimensions.") String images,
      @Key("The labels: IDX of unsigned bytes with 1 dimension.") String labels)
      implements DatasetSpec {
    @Override
    public List<String> files() {
      return List.of(images, labels);
    }
  }

  /**
   * Who rated what how: a text file of lines {@code user,item,rating} with a header, as MovieLens'
   * ratings.csv; further columns are not read. An item of the data is the two indices (user, item),
   * its label the rating. Users are numbered from 0 in the order of their ids, items behind them in
   * the order of theirs, over the whole file, so that all parts of it agree.
   *
   * <p>The split: of every 100 ratings of the file about {@code heldOut} are the validation part,
   * the others the training part. Which ones is a function of (splitSeed, line) alone.
   */
  @Variant(value = "ratings", doc = "Lines of user,item,rating with a header, as in MovieLens.")
  record Ratings(
      @Key("The file: its first three columns are user, item and rating.") String file,
      @Key(value = "Which part of it.", defaultValue = "train") Part part,
      @Key(
              value = "Of 100 ratings so many are the validation part.",
              defaultValue = "10",
              min = 1,
              max = 99)
          int heldOut,
      @Key(value = "Decides which ratings; the same for both parts.", defaultValue = "1")
          long splitSeed)
      implements DatasetSpec {
    /** A part of the file. */
    public enum Part {
      TRAIN,
      VALIDATION
    }

    @Override
    public List<String> files() {
      return List.of(file);
    }
  }

  /** Digits drawn from strokes, a function of the seed: needs no download. */
  @Variant(value = "strokes", doc = "28x28 digits drawn from strokes; generated, needs no files.")
  record Strokes(
      @Key(value = "Number of items.", min = 1, max = 10_000_000) int items,
      @Key(
              value = "Seed of the items; training and evaluation need different ones.",
              defaultValue = "1")
          long seed)
      implements DatasetSpec {
    @Override
    public List<String> files() {
      return List.of();
    }
  }
}
