package dev.trireme.checkpoint.storage.s3;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.job.S3Spec;
import dev.trireme.checkpoint.format.Bounds;
import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.ManifestJson;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import dev.trireme.checkpoint.storage.Staging;
import dev.trireme.checkpoint.storage.StoredFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.services.s3.model.MultipartUpload;

/**
 * Checkpoints in an S3-compatible object store.
 *
 * <pre>
 *   prefix/step-00001200/manifest.json
 *   prefix/step-00001200/g3/rank-00000.safetensors
 * </pre>
 *
 * <p>A step is a checkpoint when its manifest is there, and its shards are those of the generation
 * that the manifest names; so one PUT makes or replaces a checkpoint. Shards of a newer generation
 * are being written; those of an older one have been replaced and are trash. Shards without a
 * manifest were never committed, or were being deleted. It rests on the store's promise that what
 * was written is there for the next who reads or lists, as Amazon's and the usual others give it.
 */
public final class S3Storage implements CheckpointStorage {
  private static final Pattern SHARD_FOLDER = Pattern.compile("g(0|[1-9]\\d{0,17})");

  private final S3Address place;
  private final S3Connection connection;

  private S3Storage(S3Address place, S3Connection connection) {
    this.place = place;
    this.connection = connection;
  }

  /**
   * The checkpoints at a place; nothing is asked of it yet.
   *
   * @throws CheckpointException when no client can be made, with the mend
   */
  public static S3Storage at(S3Address place, S3Spec spec) {
    try {
      return new S3Storage(place, new S3Connection(place, spec));
    } catch (IOException e) {
      throw new CheckpointException(e.getMessage(), e);
    }
  }

  @Override
  public void prepare() throws IOException {
    connection.requireBucket();
  }

  @Override
  public String location() {
    return place.toString();
  }

  @Override
  public String locate(String checkpoint) {
    return place + "/" + checkpoint;
  }

  /** What one step has. */
  private static final class Found {
    private boolean manifest;
    private final TreeSet<Long> generations = new TreeSet<>();
  }

  @Override
  public Contents contents() throws IOException {
    List<String> checkpoints = new ArrayList<>();
    List<WriteId> staged = new ArrayList<>();
    List<String> trash = new ArrayList<>();
    for (Map.Entry<String, Found> step : steps().entrySet()) {
      String name = step.getKey();
      Found found = step.getValue();
      OptionalLong current = OptionalLong.empty();
      if (found.manifest) {
        checkpoints.add(name);
        if (found.generations.size() < 2) {
          continue;
        }
        current = generationOf(name);
        if (current.isEmpty()) {
          continue; // Damaged: who wrote which of them cannot be told, so all are left alone.
        }
      }
      for (long generation : found.generations) {
        if (current.isEmpty() || generation > current.getAsLong()) {
          staged.add(new WriteId(generation, CheckpointNames.stepOf(name).orElseThrow()));
        } else if (generation < current.getAsLong()) {
          trash.add(name + "/g" + generation);
        }
      }
    }
    return new Contents(checkpoints, staged, trash);
  }

  private Map<String, Found> steps() throws IOException {
    Map<String, Found> steps = new TreeMap<>();
    String root = place.key("");
    connection.list(root).forEach(key -> note(steps, key.substring(root.length())));
    for (MultipartUpload upload : connection.unfinished(root)) {
      note(steps, upload.key().substring(root.length()));
    }
    return steps;
  }

  private static void note(Map<String, Found> steps, String below) {
    String[] parts = below.split("/", 3);
    if (parts.length < 2 || CheckpointNames.stepOf(parts[0]).isEmpty()) {
      return;
    }
    Matcher folder = SHARD_FOLDER.matcher(parts[1]);
    if (parts.length == 3 && folder.matches()) {
      steps
          .computeIfAbsent(parts[0], s -> new Found())
          .generations
          .add(Long.parseLong(folder.group(1)));
    } else if (parts.length == 2 && parts[1].equals(CheckpointNames.MANIFEST)) {
      steps.computeIfAbsent(parts[0], s -> new Found()).manifest = true;
    }
  }

  String manifestKey(String checkpoint) {
    return place.key(checkpoint + "/" + CheckpointNames.MANIFEST);
  }

  /** With a slash at its end. */
  String shardFolder(String checkpoint, long generation) {
    return place.key(checkpoint + "/g" + generation + "/");
  }

  /** Which generation a checkpoint is of; empty when it has no manifest, or one that is damaged. */
  OptionalLong generationOf(String checkpoint) throws IOException {
    Optional<byte[]> bytes = manifestBytes(checkpoint);
    try {
      return bytes.isEmpty()
          ? OptionalLong.empty()
          : OptionalLong.of(ManifestJson.decode(bytes.get()).generation());
    } catch (DamagedException e) {
      return OptionalLong.empty();
    }
  }

  /** The manifest of a checkpoint; empty when it has none, or one that is larger than any. */
  Optional<byte[]> manifestBytes(String checkpoint) throws IOException {
    try (StoredFile file = openManifest(checkpoint)) {
      if (file.size() > Bounds.MANIFEST_BYTES) {
        return Optional.empty();
      }
      byte[] bytes = new byte[(int) file.size()];
      file.read(ByteBuffer.wrap(bytes), 0);
      return Optional.of(bytes);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** Whether a manifest stands right here: then the place is itself one checkpoint. */
  public boolean isCheckpoint(String checkpoint) throws IOException {
    try {
      connection.size(manifestKey(checkpoint));
      return true;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  @Override
  public StoredFile openManifest(String checkpoint) throws IOException {
    return S3File.open(connection, manifestKey(checkpoint));
  }

  @Override
  public StoredFile openShard(String checkpoint, long generation, String file) throws IOException {
    return S3File.open(connection, shardFolder(checkpoint, generation) + file);
  }

  @Override
  public OptionalLong usableBytes() {
    return connection.usableBytes();
  }

  @Override
  public Staging stage(WriteId id) {
    return new S3Staging(this, connection, id);
  }

  /** The manifest goes first; what a newer generation may be writing beside it stays. */
  @Override
  public void delete(String checkpoint) throws IOException {
    OptionalLong current = generationOf(checkpoint);
    connection.delete(manifestKey(checkpoint));
    Found found = steps().getOrDefault(checkpoint, new Found());
    for (long generation : found.generations) {
      if (current.isEmpty() || generation <= current.getAsLong()) {
        connection.deleteAll(shardFolder(checkpoint, generation));
      }
    }
  }

  @Override
  public void deleteTrash(String trash) throws IOException {
    connection.deleteAll(place.key(trash + "/"));
  }

  @Override
  public void close() {
    connection.close();
  }
}
