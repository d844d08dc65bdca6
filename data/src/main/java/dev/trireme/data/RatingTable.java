package dev.trireme.data;

import dev.trireme.api.data.DataException;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.DatasetSpec.Ratings.Part;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The ratings of one part of a file, as columns in pieces: none is ever copied to grow.
 *
 * <p>Ranks end when their heap is full, before anything could be said about it. So what the ratings
 * take is reckoned while they are read, and too many are refused in time.
 *
 * <p>Cost: 12 bytes a rating of the part, and see {@link DistinctIds}. Threading: one thread while
 * it is read, any afterwards.
 */
final class RatingTable {
  private static final int MOST = 100_000_000;
  private static final int PIECE_BITS = 16;
  private static final int PIECE = 1 << PIECE_BITS;

  /** Both parts of a file together, and the order of an epoch. */
  private static final long BYTES_PER_RATING = 3 * Integer.BYTES + Integer.BYTES;

  /** Of the heap, what ratings may take: the process has other things to do as well. */
  private static final double PART_OF_HEAP = 0.8;

  private final String key;
  private final DatasetSpec.Ratings spec;
  private final long heap;
  private final DistinctIds userIds = new DistinctIds();
  private final DistinctIds itemIds = new DistinctIds();
  private final List<int[]> users = new ArrayList<>();
  private final List<int[]> items = new ArrayList<>();
  private final List<float[]> ratings = new ArrayList<>();
  private int kept;
  private int lines;

  private RatingTable(String key, DatasetSpec.Ratings spec, long heap) {
    this.key = key;
    this.spec = spec;
    this.heap = heap;
  }

  /**
   * Reads the file.
   *
   * @param key where the job spec names it, as {@code data.train.file}
   * @param directory under which a relative file lies
   * @param heap bytes that this process can have of it
   * @throws DataException for the first line that is no rating, or where the heap is too small
   */
  static RatingTable read(String key, DatasetSpec.Ratings spec, Path directory, long heap) {
    RatingTable table = new RatingTable(key, spec, heap);
    try {
      table.read(directory);
    } catch (OutOfMemoryError e) {
      throw table.overflowed(e);
    }
    return table;
  }

  private void read(Path directory) {
    String file = spec.file();
    try (BufferedReader reader =
        Files.newBufferedReader(directory.resolve(file), StandardCharsets.UTF_8)) {
      header(reader.readLine());
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        add(line);
        if (lines % PIECE == 0 && reckoned() > PART_OF_HEAP * heap) {
          throw tooMany(lines + rest(reader));
        }
      }
      userIds.complete();
      itemIds.complete();
      number();
    } catch (InvalidPathException e) {
      throw new DataException(key + ": '" + file + "' is no file name: " + e.getReason(), e);
    } catch (MalformedInputException e) {
      throw new DataException(key + ": " + file + " is no text in UTF-8", e);
    } catch (IOException e) {
      throw new DataException(
          key
              + ": expected a readable file at '"
              + directory.resolve(file)
              + "', found "
              + (Files.exists(directory.resolve(file)) ? e.toString() : "nothing there")
              + "; see data.path",
          e);
    }
  }

  private static long rest(BufferedReader reader) throws IOException {
    long lines = 0;
    while (reader.readLine() != null) {
      lines++;
    }
    return lines;
  }

  private void header(String header) {
    if (header == null || header.split(",", -1).length < 3) {
      throw new DataException(
          key
              + ": expected a header with at least three columns (user,item,rating) in "
              + spec.file()
              + ", found "
              + (header == null ? "an empty file" : "'" + clipped(header) + "'"));
    }
  }

  private void add(String line) {
    if (lines == MOST) {
      throw pastAllBounds();
    }
    int first = line.indexOf(',');
    int second = line.indexOf(',', first + 1);
    int third = line.indexOf(',', second + 1);
    int user;
    int item;
    float rating;
    try {
      user = Integer.parseInt(line, 0, Math.max(0, first), 10);
      item = Integer.parseInt(line, first + 1, Math.max(first + 1, second), 10);
      rating = Float.parseFloat(line.substring(second + 1, third < 0 ? line.length() : third));
    } catch (NumberFormatException e) {
      throw bad(line);
    }
    if (first < 0 || second < 0 || !Float.isFinite(rating)) {
      throw bad(line);
    }
    userIds.add(user);
    itemIds.add(item);
    boolean heldOut = new SplitMix64(spec.splitSeed(), lines).nextInt(100) < spec.heldOut();
    if (heldOut == (spec.part() == Part.VALIDATION)) {
      keep(user, item, rating);
    }
    lines++;
  }

  private void keep(int user, int item, float rating) {
    int at = kept & (PIECE - 1);
    if (at == 0) {
      users.add(new int[PIECE]);
      items.add(new int[PIECE]);
      ratings.add(new float[PIECE]);
    }
    int piece = kept >>> PIECE_BITS;
    users.get(piece)[at] = user;
    items.get(piece)[at] = item;
    ratings.get(piece)[at] = rating;
    kept++;
  }

  /** Puts each id's number in its place. */
  private void number() {
    for (int i = 0; i < kept; i++) {
      int piece = i >>> PIECE_BITS;
      int at = i & (PIECE - 1);
      users.get(piece)[at] = userIds.numberOf(users.get(piece)[at]);
      items.get(piece)[at] = itemIds.numberOf(items.get(piece)[at]);
    }
  }

  private long reckoned() {
    return BYTES_PER_RATING * lines + userIds.bytes() + itemIds.bytes();
  }

  private DataException pastAllBounds() {
    return new DataException(key + ": " + spec.file() + " has more than " + MOST + " ratings");
  }

  private DataException tooMany(long all) {
    return all > MOST
        ? pastAllBounds()
        : tooMany(String.format(Locale.ROOT, "%,d", all), all, 0, null);
  }

  private DataException overflowed(OutOfMemoryError cause) {
    users.clear();
    items.clear();
    ratings.clear();
    return tooMany(String.format(Locale.ROOT, "%,d or more", lines), lines, 2 * heap, cause);
  }

  private DataException tooMany(String count, long all, long atLeast, Throwable cause) {
    long bytes = (long) ((double) reckoned() / Math.max(1, lines) * all);
    // What a JVM gives is a little less than it is told: a survivor space stays empty.
    double heapNeeded = bytes / PART_OF_HEAP * 1.05;
    long enough = Math.max((((long) heapNeeded >> 28) + 1) << 8, atLeast >> 20);
    return new DataException(
        String.format(
            Locale.ROOT,
            "%s: expected ratings that fit into this process's heap of %d MiB, found %s in %s,"
                + " which take %d MiB beside other things; give it a larger heap, as -Xmx%dm, in"
                + " TRIREME_RANK_JAVA_OPTS for ranks and in TRIREME_JAVA_OPTS for a command",
            key,
            heap >> 20,
            count,
            spec.file(),
            bytes >> 20,
            enough),
        cause);
  }

  private DataException bad(String line) {
    return new DataException(
        key
            + ": line "
            + (lines + 2)
            + " of "
            + spec.file()
            + ": expected 'user,item,rating' with whole numbers as user and item, found '"
            + clipped(line)
            + "'");
  }

  private static String clipped(String line) {
    return line.length() <= 60 ? line : line.substring(0, 60) + "...";
  }

  /** Ratings in the whole file. */
  int lines() {
    return lines;
  }

  /** Ratings in the part. */
  int size() {
    return kept;
  }

  int userCount() {
    return userIds.size();
  }

  int itemCount() {
    return itemIds.size();
  }

  /** The number of the user of a rating, from 0. */
  int user(int rating) {
    return users.get(rating >>> PIECE_BITS)[rating & (PIECE - 1)];
  }

  /** The number of the item that was rated, from 0. */
  int item(int rating) {
    return items.get(rating >>> PIECE_BITS)[rating & (PIECE - 1)];
  }

  float value(int rating) {
    return ratings.get(rating >>> PIECE_BITS)[rating & (PIECE - 1)];
  }
}
