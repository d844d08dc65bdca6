package dev.trireme.checkpoint.format;

/**
 * The largest of everything that a checkpoint may claim. They stand far above what any job needs
 * and keep a hostile file from claiming the reader's memory.
 */
public final class Bounds {
  /** Of a safetensors header in bytes; the reference implementation has the same limit. */
  public static final int HEADER_BYTES = 100_000_000;

  /** Of a manifest in bytes. */
  public static final int MANIFEST_BYTES = 64 << 20;

  /** Tensors of one checkpoint. */
  public static final int TENSORS = 200_000;

  /** Dimensions of one tensor; libtorch has the same limit. */
  public static final int DIMENSIONS = 64;

  /** Characters of a tensor's name. */
  public static final int NAME_LENGTH = 1024;

  /** Ranks that may have written one checkpoint; also the most shards it has. */
  public static final int WORLD_SIZE = 4096;

  /** Characters of the job spec in a manifest. */
  public static final int SPEC_LENGTH = 4 << 20;

  private static final int EXCERPT = 80;

  private Bounds() {}

  /** The beginning of {@code text}, printable and short enough for a message. */
  public static String excerpt(String text) {
    String clean = text.replaceAll("\\p{Cntrl}", "?");
    return clean.length() <= EXCERPT ? clean : clean.substring(0, EXCERPT) + "...";
  }
}
