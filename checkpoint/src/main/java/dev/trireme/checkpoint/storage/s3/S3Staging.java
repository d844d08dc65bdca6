package dev.trireme.checkpoint.storage.s3;

import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.storage.FileSink;
import dev.trireme.checkpoint.storage.Staging;
import dev.trireme.checkpoint.storage.StoredFile;
import dev.trireme.checkpoint.storage.WriteBoundary;
import dev.trireme.checkpoint.storage.WriteStep;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The shards of one generation, which nobody reads before a manifest names their generation. One
 * request, the manifest's PUT, makes them a checkpoint; and where an older generation's was there,
 * the same request replaces that one.
 */
final class S3Staging implements Staging {
  private static final Logger LOG = LoggerFactory.getLogger(S3Staging.class);

  private final S3Storage storage;
  private final S3Connection connection;
  private final WriteId id;

  S3Staging(S3Storage storage, S3Connection connection, WriteId id) {
    this.storage = storage;
    this.connection = connection;
    this.id = id;
  }

  @Override
  public WriteId id() {
    return id;
  }

  @Override
  public String location() {
    return connection.name(folder());
  }

  private String folder() {
    return storage.shardFolder(id.committedName(), id.generation());
  }

  /** Keys need no folder. */
  @Override
  public void create() {}

  @Override
  public FileSink write(String file, int headBytes) {
    return new S3Sink(connection, folder() + file, headBytes);
  }

  @Override
  public StoredFile open(String file) throws IOException {
    return S3File.open(connection, folder() + file);
  }

  /** What is stored has its name. */
  @Override
  public void syncNames() {}

  @Override
  public void keepOnly(Set<String> files) throws IOException {
    String folder = folder();
    for (String key : connection.list(folder)) {
      if (!files.contains(key.substring(folder.length()))) {
        connection.delete(key);
      }
    }
  }

  @Override
  public void remove(String file) throws IOException {
    if (!isPublished()) {
      connection.delete(folder() + file);
    }
  }

  @Override
  public List<WriteStep> publication(Supplier<byte[]> manifest) {
    return List.of(new WriteStep(WriteBoundary.PUBLISH, () -> publish(manifest.get())));
  }

  /** A PUT whose answer was lost may have been done. */
  private void publish(byte[] manifest) throws IOException {
    try {
      S3Sink.put(connection, storage.manifestKey(id.committedName()), manifest, manifest.length);
    } catch (IOException e) {
      if (!standsThereAsFarAsCanBeSeen(manifest)) {
        throw e;
      }
      LOG.warn("{} is published, though the store said: {}", id, e.getMessage());
    }
  }

  /** Another run's manifest may be of the same generation: it is this one's bytes or it is not. */
  private boolean standsThereAsFarAsCanBeSeen(byte[] manifest) {
    try {
      return storage
          .manifestBytes(id.committedName())
          .filter(there -> Arrays.equals(there, manifest))
          .isPresent();
    } catch (IOException e) {
      LOG.debug("cannot see whether {} is published", id, e);
      return false;
    }
  }

  private boolean isPublished() throws IOException {
    return storage.generationOf(id.committedName()).equals(OptionalLong.of(id.generation()));
  }

  /** Never takes the shards of a manifest that is there. */
  @Override
  public void discard() throws IOException {
    if (isPublished()) {
      LOG.warn("{} is published: nothing of it is taken back", id);
    } else {
      connection.deleteAll(folder());
    }
  }
}
