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
