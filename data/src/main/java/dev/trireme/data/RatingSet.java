package dev.trireme.data;

import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.DatasetSpec.Ratings.Part;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;

/**
 * One part of a file of ratings; see {@link DatasetSpec.Ratings} for what it holds and how it is
 * split. Read whole when it is checked: 12 bytes a rating, on the heap.
 *
 * <p>Cost: one pass over the text, and a sort of the ids. Threading: any, once made.
 */
final class RatingSet implements CheckedSet, IndexSet {
  private static final int MOST = 100_000_000;

  private final DatasetInfo info;
  private final int[] users;
  private final int[] items;
  private final float[] ratings;
  private final int userCount;

  private RatingSet(DatasetInfo info, int[] users, int[] items, float[] ratings, int userCount) {
    this.info = info;
    this.users = users;
    this.items = items;
    this.ratings = ratings;
    this.userCount = userCount;
  }

  /**
   * Reads the file.
   *
   * @param key where the job spec names the set, as {@code data.train}
   * @param directory under which a relative file lies
   * @throws DataException for the first line that is no rating
   */
  static RatingSet check(String key, DatasetSpec.Ratings spec, Path directory) {
    Table table = Table.read(key + ".file", spec.file(), directory);
    int[] userIds = distinct(table.users, table.count);
    int[] itemIds = distinct(table.items, table.count);
    int kept = 0;
    int[] users = new int[table.count];
    int[] items = new int[table.count];
    float[] ratings = new float[table.count];
    for (int line = 0; line < table.count; line++) {
      boolean heldOut = new SplitMix64(spec.splitSeed(), line).nextInt(100) < spec.heldOut();
      if (heldOut == (spec.part() == Part.VALIDATION)) {
        users[kept] = Arrays.binarySearch(userIds, table.users[line]);
        items[kept] = Arrays.binarySearch(itemIds, table.items[line]);
        ratings[kept++] = table.ratings[line];
      }
    }
    if (kept == 0) {
      throw new DataException(
          key
              + ".part: none of the "
              + table.count
              + " ratings of "
              + spec.file()
              + " is in this part; change heldOut or splitSeed");
    }
    long indices = (long) userIds.length + itemIds.length;
    DatasetInfo info = new DatasetInfo(kept, Shape.of(2), DType.INT64, 0, indices);
    return new RatingSet(
        info,
        Arrays.copyOf(users, kept),
        Arrays.copyOf(items, kept),
        Arrays.copyOf(ratings, kept),
        userIds.length);
  }

  private static int[] distinct(int[] ids, int count) {
    return Arrays.stream(ids, 0, count).sorted().distinct().toArray();
  }

  @Override
  public DatasetInfo info() {
    return info;
  }

  /** Labels are real values: there are no classes to know. */
  @Override
  public void requireLabelsBelow(int classes) {}

  @Override
  public ItemSet load() {
    return this;
  }

  @Override
  public float read(int item, long[] indices) {
    Objects.checkIndex(item, ratings.length);
    indices[0] = users[item];
    indices[1] = (long) userCount + items[item];
    return ratings[item];
  }

  @Override
  public void close() {}

  /** The columns of the file. */
  private static final class Table {
    private final String file;
    private final String key;
    private int[] users = new int[1 << 12];
    private int[] items = new int[1 << 12];
    private float[] ratings = new float[1 << 12];
    private int count;

    private Table(String key, String file) {
      this.key = key;
      this.file = file;
    }

    static Table read(String key, String file, Path directory) {
      Table table = new Table(key, file);
      try (BufferedReader reader =
          Files.newBufferedReader(directory.resolve(file), StandardCharsets.UTF_8)) {
        String header = reader.readLine();
        if (header == null || header.split(",", -1).length < 3) {
          throw new DataException(
              key
                  + ": expected a header with at least three columns (user,item,rating) in "
                  + file
                  + ", found "
                  + (header == null ? "an empty file" : "'" + clipped(header) + "'"));
        }
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
          table.add(line);
        }
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
      return table;
    }

    private void add(String line) {
      if (count == MOST) {
        throw new DataException(key + ": " + file + " has more than " + MOST + " ratings");
      }
      if (count == users.length) {
        users = Arrays.copyOf(users, 2 * count);
        items = Arrays.copyOf(items, 2 * count);
        ratings = Arrays.copyOf(ratings, 2 * count);
      }
      int first = line.indexOf(',');
      int second = line.indexOf(',', first + 1);
      int third = line.indexOf(',', second + 1);
      try {
        users[count] = Integer.parseInt(line, 0, Math.max(0, first), 10);
        items[count] = Integer.parseInt(line, first + 1, Math.max(first + 1, second), 10);
        ratings[count] =
            Float.parseFloat(line.substring(second + 1, third < 0 ? line.length() : third));
      } catch (NumberFormatException e) {
        throw bad(line);
      }
      if (first < 0 || second < 0 || !Float.isFinite(ratings[count])) {
        throw bad(line);
      }
      count++;
    }

    private DataException bad(String line) {
      return new DataException(
          key
              + ": line "
              + (count + 2)
              + " of "
              + file
              + ": expected 'user,item,rating' with whole numbers as user and item, found '"
              + clipped(line)
              + "'");
    }

    private static String clipped(String line) {
      return line.length() <= 60 ? line : line.substring(0, 60) + "...";
    }
  }
}
