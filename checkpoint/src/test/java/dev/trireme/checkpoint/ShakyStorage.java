package dev.trireme.checkpoint;

import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import dev.trireme.checkpoint.storage.Staging;
import dev.trireme.checkpoint.storage.StoredFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.OptionalLong;

/** A storage that does not answer when it is asked for the shards of one checkpoint. */
final class ShakyStorage implements CheckpointStorage {
  /** Where it fails. */
  enum At {
    OPEN,
    READ,
    NEVER
  }

  private final CheckpointStorage inner;
  private final String checkpoint;
  private At at;

  ShakyStorage(CheckpointStorage inner, String checkpoint, At at) {
    this.inner = inner;
    this.checkpoint = checkpoint;
    this.at = at;
  }

  void recover() {
    at = At.NEVER;
  }

  private void fail(At where, String name) throws IOException {
    if (at == where && name.equals(checkpoint)) {
      throw new IOException("Input/output error");
    }
  }

  @Override
  public StoredFile openShard(String name, long generation, String file) throws IOException {
    fail(At.OPEN, name);
    StoredFile shard = inner.openShard(name, generation, file);
    return new StoredFile() {
      @Override
      public long size() {
        return shard.size();
      }

      @Override
      public void read(ByteBuffer to, long position) throws IOException {
        fail(At.READ, name);
        shard.read(to, position);
      }

      @Override
      public void close() throws IOException {
        shard.close();
      }
    };
  }

  @Override
  public StoredFile openManifest(String name) throws IOException {
    return inner.openManifest(name);
  }

  @Override
  public void prepare() throws IOException {
    inner.prepare();
  }

  @Override
  public String location() {
    return inner.location();
  }

  @Override
  public String locate(String name) {
    return inner.locate(name);
  }

  @Override
  public Contents contents() throws IOException {
    return inner.contents();
  }

  @Override
  public OptionalLong usableBytes() throws IOException {
    return inner.usableBytes();
  }

  @Override
  public Staging stage(WriteId id) {
    return inner.stage(id);
  }

  @Override
  public void delete(String name) throws IOException {
    inner.delete(name);
  }

  @Override
  public void deleteTrash(String trash) throws IOException {
    inner.deleteTrash(trash);
  }
}
