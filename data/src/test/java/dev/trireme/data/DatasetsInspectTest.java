package dev.trireme.data;

import static dev.trireme.data.IdxFiles.gzip;
import static dev.trireme.data.IdxFiles.idx;
import static dev.trireme.data.IdxFiles.images;
import static dev.trireme.data.IdxFiles.labels;
import static dev.trireme.data.IdxFiles.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.testing.RealData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DatasetsInspectTest {
  private static final DatasetSpec.Idx PLAIN = new DatasetSpec.Idx("images", "labels");

  @TempDir Path directory;

  @BeforeEach
  void writeSoundFiles() {
    write(directory, "images", images(7));
    write(directory, "labels", labels(7, 3));
  }

  @Test
  void shouldTellWhatSetsHold() {
    write(directory, "eval-images", gzip(images(4)));
    write(directory, "eval-labels", gzip(labels(4, 2)));
    Datasets.Inspection found =
        Datasets.inspect(
            IdxFiles.spec(
                directory,
                PLAIN,
                Optional.of(new DatasetSpec.Idx("eval-images", "eval-labels")),
                2));

    Shape shape = Shape.of(1, IdxFiles.HEIGHT, IdxFiles.WIDTH);
    assertThat(found.training()).isEqualTo(new DatasetInfo(7, shape, DType.FLOAT32, 3));
    assertThat(found.evaluation()).contains(new DatasetInfo(4, shape, DType.FLOAT32, 2));
  }

  @Test
  void shouldTellWhatMnistHolds() {
    Path mnist = RealData.directory("mnist");
    Datasets.Inspection found =
        Datasets.inspect(
            IdxFiles.spec(
                mnist,
                new DatasetSpec.Idx("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
                Optional.of(
                    new DatasetSpec.Idx("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")),
                128));

    Shape shape = Shape.of(1, 28, 28);
    assertThat(found.training()).isEqualTo(new DatasetInfo(60_000, shape, DType.FLOAT32, 10));
    assertThat(found.evaluation()).contains(new DatasetInfo(10_000, shape, DType.FLOAT32, 10));
  }

  @Test
  void shouldKeepOtherNumbersOfDimensions() {
    write(directory, "images", idx(new byte[7 * 24], 7, 2, 3, 4));
    assertThat(inspect().training().itemShape()).isEqualTo(Shape.of(2, 3, 4));

    write(directory, "images", idx(new byte[7 * 5], 7, 5));
    assertThat(inspect().training().itemShape()).isEqualTo(Shape.of(5));
  }

  @Test
  void shouldTakeGzipByItsContentAndNotByItsName() {
    write(directory, "images.gz", images(7));
    write(directory, "labels", gzip(labels(7, 3)));
    DataSpec spec =
        IdxFiles.spec(directory, new DatasetSpec.Idx("images.gz", "labels"), Optional.empty(), 2);

    assertThat(Datasets.inspect(spec).training().items()).isEqualTo(7);
  }

  @Test
  void shouldTakeGzipOfSeveralMembers() {
    byte[] whole = images(7);
    byte[] first = gzip(Arrays.copyOfRange(whole, 0, 20));
    byte[] second = gzip(Arrays.copyOfRange(whole, 20, whole.length));
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    write(directory, "images", both);

    assertThat(inspect().training().items()).isEqualTo(7);
  }

  @Test
  void shouldTakeAbsolutePathsAsTheyAre() {
    DatasetSpec absolute =
        new DatasetSpec.Idx(
            directory.resolve("images").toAbsolutePath().toString(),
            directory.resolve("labels").toAbsolutePath().toString());
    DataSpec spec = IdxFiles.spec(Path.of("nowhere"), absolute, Optional.empty(), 2);

    assertThat(Datasets.inspect(spec).training().items()).isEqualTo(7);
  }

  /** File at fault, its content, and what the message must say. */
  static Stream<Arguments> badFiles() {
    byte[] seven = images(7);
    return Stream.of(
        bad("images", new byte[0], "data.train.images", "is empty", "expected an IDX file"),
        bad("images", new byte[] {0, 0}, "truncated", "header of 4 bytes", "found 2"),
        bad("images", Arrays.copyOf(seven, 10), "truncated", "header of 16 bytes", "found 10"),
        bad(
            "images",
            Arrays.copyOf(seven, seven.length - 1),
            "truncated",
            "7 items of 6 bytes, 58 bytes in all",
            "found 57"),
        bad("images", Arrays.copyOf(seven, 60), "too long", "58 bytes in all", "found 60"),
        bad(
            "images",
            gzip(Arrays.copyOf(seven, 50)),
            "truncated",
            "58 bytes in all after decompression",
            "found 50"),
        bad("images", gzip(Arrays.copyOf(seven, 59)), "too long", "found 59"),
        bad("images", gzip(new byte[] {0}), "truncated", "found 1 after decompression"),
        bad("images", Arrays.copyOf(gzip(seven), 12), "truncated", "copy or download it again"),
        bad("images", Arrays.copyOf(gzip(seven), 5), "truncated", "gzip"),
        bad("images", Arrays.copyOf(gzip(seven), 40), "truncated", "promises 7 items"),
        bad("images", damagedGzip(), "damaged", "gzip stream is invalid"),
        bad("images", gzip(gzip(seven)), "0x00000803", "found 0x1f8b0800", "looks like gzip"),
        bad("images", text("PK\3\4...."), "found 0x504b0304", "looks like a zip archive"),
        bad("images", text("<html>404"), "looks like HTML", "error page"),
        bad("images", text("version https://git-lfs"), "Git LFS pointer", "git lfs pull"),
        bad("images", text("a,b,c\n"), "looks like text"),
        bad("images", new byte[] {1, 2, 3, 4, 5}, "magic number of IDX images", "0x01020304"),
        bad("images", new byte[] {0, 0, 8, 0, 5}, "magic number of IDX images", "0x00000800"),
        bad(
            "images",
            labels(7, 3),
            "expected images (2 dimensions or more)",
            "0x00000801",
            "looks like a file of labels",
            "swapped"),
        bad(
            "labels",
            seven,
            "data.train.labels",
            "expected labels (1 dimension)",
            "0x00000803",
            "looks like a file of images",
            "swapped"),
        bad(
            "images",
            idx(0x0D, new byte[28], 7, 1, 1),
            "found 32-bit floats",
            "0x0d",
            "expected unsigned bytes",
            "0x08"),
        bad("labels", idx(0x0C, new byte[28], 7), "found 32-bit integers", "0x0c"),
        bad("images", idx(new byte[0], 7, 0, 2), "dimension 1 of 7x0x2 is 0"),
        bad("images", idx(new byte[0], 0, 3, 2), "dimension 0 of 0x3x2 is 0", "no item"),
        bad("labels", idx(new byte[0], 0), "dimension 0 of 0 is 0"),
        bad("images", idx(new byte[0], -1, 1, 1), "promises 4294967295 items", "at most"),
        bad("images", idx(new byte[0], 1, -1, -1), "items of 4294967295x4294967295", "at most"),
        bad("images", idx(new byte[0], 1, 1 << 15, 1 << 15), "32768x32768", "at most 268435456"),
        bad(
            "labels",
            labels(6, 3),
            "data.train",
            "as many labels as images",
            "7 images",
            "6 labels",
            "belong together"));
  }

  @ParameterizedTest
  @MethodSource("badFiles")
  void shouldRefuseBadFile(String file, byte[] content, String[] parts) {
    write(directory, file, content);

    assertThatThrownBy(this::inspect)
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(parts)
        .hasMessageContaining(file);
  }

  @Test
  void shouldRefuseMissingFileAndNameTheDirectory() {
    assertThatThrownBy(() -> inspect("no-images", "labels"))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(
            "data.train.images", "no-images does not exist", directory.toString(), "data.path");
  }

  @Test
  void shouldRefuseMissingDirectory() {
    assertThatThrownBy(() -> Datasets.inspect(IdxFiles.spec(directory.resolve("nowhere"), 2)))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("there is no directory", "nowhere", "data.path");
  }

  @Test
  void shouldProposeTheGzippedTwinOfMissingFile() throws IOException {
    Files.move(directory.resolve("images"), directory.resolve("images.gz"));
    assertThatThrownBy(this::inspect).hasMessageContaining("did you mean 'images.gz'");

    Files.move(directory.resolve("images.gz"), directory.resolve("images"));
    assertThatThrownBy(() -> inspect("images.gz", "labels"))
        .hasMessageContaining("did you mean 'images'");
  }

  @Test
  void shouldRefuseDirectoryInPlaceOfFile() throws IOException {
    Files.createDirectory(directory.resolve("folder"));
    assertThatThrownBy(() -> inspect("images", "folder"))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("data.train.labels", "folder is a directory", "expected an IDX");
  }

  @Test
  void shouldRefuseWhatIsNoRegularFile() {
    Path device = Path.of("/dev/null");
    Assumptions.assumeTrue(Files.exists(device), "skipped: no device to try it on");
    assertThatThrownBy(() -> inspect(device.toString(), "labels"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("not a regular file");
  }

  @Test
  void shouldRefuseFileWithoutPermission() throws IOException {
    Path images = directory.resolve("images");
    Files.setPosixFilePermissions(images, PosixFilePermissions.fromString("---------"));
    Assumptions.assumeFalse(Files.isReadable(images), "skipped: this user may read everything");
    assertThatThrownBy(this::inspect)
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("cannot be read", "permission denied");
  }

  @Test
  void shouldRefuseNamesThatAreNoPaths() {
    assertThatThrownBy(() -> inspect("a\0b", "labels"))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("data.train.images", "no file name");
    DataSpec spec = new DataSpec(PLAIN, Optional.empty(), "a\0b", 2, 2, 2, Optional.empty());
    assertThatThrownBy(() -> Datasets.inspect(spec))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("data.path");
  }

  @Test
  void shouldRefuseEvaluationLabelsThatTrainingDoesNotKnow() {
    write(directory, "eval-labels", idx(new byte[] {0, 1, 2, 9, 4, 1, 1}, 7));
    assertThatThrownBy(() -> inspectWith(new DatasetSpec.Idx("images", "eval-labels")))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(
            "data.eval.labels", "label 3 is 9", "expected 0..2", "classes of the training set");
  }

  @Test
  void shouldRefuseDrawnDigitsWhereTrainingHasFewerClasses() {
    write(directory, "images", idx(new byte[7 * 784], 7, 28, 28));
    assertThatThrownBy(() -> inspectWith(new DatasetSpec.Strokes(10, 2)))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("data.eval", "0..9", "0..2");
  }

  @Test
  void shouldRefuseEvaluationItemsOfAnotherShape() {
    assertThatThrownBy(() -> inspectWith(new DatasetSpec.Strokes(10, 2)))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("data.eval", "1x3x2 as in data.train", "found 1x28x28");
  }

  @Test
  void shouldNameTheEvaluationFileAtFault() {
    assertThatThrownBy(() -> inspectWith(new DatasetSpec.Idx("eval-images", "labels")))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("data.eval.images", "does not exist");
  }

  @Test
  void shouldTellWhatDrawnDigitsHold() {
    Datasets.Inspection found =
        Datasets.inspect(
            IdxFiles.spec(directory, new DatasetSpec.Strokes(123, 1), Optional.empty(), 10));
    assertThat(found.training())
        .isEqualTo(new DatasetInfo(123, Shape.of(1, 28, 28), DType.FLOAT32, 10));
  }

  private Datasets.Inspection inspect() {
    return Datasets.inspect(IdxFiles.spec(directory, 2));
  }

  private Datasets.Inspection inspect(String images, String labels) {
    return Datasets.inspect(
        IdxFiles.spec(directory, new DatasetSpec.Idx(images, labels), Optional.empty(), 2));
  }

  private Datasets.Inspection inspectWith(DatasetSpec evaluation) {
    return Datasets.inspect(IdxFiles.spec(directory, PLAIN, Optional.of(evaluation), 2));
  }

  private static Arguments bad(String file, byte[] content, String... parts) {
    return Arguments.of(file, content, parts);
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** A gzip stream whose first block is of a kind that does not exist. */
  private static byte[] damagedGzip() {
    byte[] bytes = gzip(images(7));
    bytes[10] = (byte) 0xFF;
    return bytes;
  }
}
