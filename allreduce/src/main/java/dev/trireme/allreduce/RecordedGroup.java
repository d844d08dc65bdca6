package dev.trireme.allreduce;

import dev.trireme.allreduce.group.RecordedOperation;
import java.util.List;

/** A process group that remembers its last operations. */
public interface RecordedGroup {
  /** The last operations, the oldest first. May be asked at any time, also after a failure. */
  List<RecordedOperation> recentOperations();
}
