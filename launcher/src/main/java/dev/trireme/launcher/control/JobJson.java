package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.protocol.RankReport;

/** How a job stands, as the HTTP interfaces tell it. */
final class JobJson {
  private JobJson() {}

  /**
   * With {@code progress} where ranks have reported any, named as in {@code metrics.jsonl}: epochs
   * are counted from 0.
   */
  static ObjectNode of(JobStatus status) {
    ObjectNode job =
        JsonNodeFactory.instance
            .objectNode()
            .put("job", status.jobId())
            .put("name", status.name())
            .put("state", status.state().name())
            .put("reason", status.reason())
            .put("user", status.user())
            .put("priority", status.priority())
            .put("submitted", status.submitted().toString())
            .put("generation", status.generation())
            .put("worldSize", status.worldSize());
    status.wantedWorkers().ifPresent(workers -> job.put("wantedWorkers", workers));
    status.wantedServers().ifPresent(servers -> job.put("wantedServers", servers));
    job.put("runDirectory", status.runDirectory().toString());
    status.progress().ifPresent(progress -> job.set("progress", of(progress)));
    return job;
  }

  private static ObjectNode of(JobEvent.Progress progress) {
    RankReport.Committed committed = progress.committed();
    ObjectNode object =
        JsonNodeFactory.instance
            .objectNode()
            .put("time", progress.time().toString())
            .put("step", committed.step())
            .put("totalSteps", progress.totalSteps())
            .put("epoch", committed.from().epoch())
            .put("totalEpochs", progress.epochs());
    finite(object, "loss", committed.loss());
    finite(object, "samplesPerSecond", committed.samplesPerSecond());
    finite(object, "secondsLeft", progress.secondsLeft());
    return object;
  }

  /** JSON has no other numbers: one that is none is left out. */
  private static void finite(ObjectNode object, String name, double value) {
    if (Double.isFinite(value)) {
      object.put(name, value);
    }
  }
}
