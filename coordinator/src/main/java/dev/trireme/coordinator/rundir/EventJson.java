package dev.trireme.coordinator.rundir;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.trireme.api.train.WireBytes;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobResult;
import dev.trireme.coordinator.Verdict;
import dev.trireme.protocol.RankReport;
import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Events and results as JSON objects. */
final class EventJson {
  private EventJson() {}

  static void metrics(JsonGenerator g, JobEvent.Progress progress, Optional<Origin> origin)
      throws IOException {
    RankReport.Committed committed = progress.committed();
    g.writeStartObject();
    g.writeStringField("time", progress.time().toString());
    g.writeNumberField("generation", progress.generation());
    g.writeNumberField("step", committed.step());
    g.writeNumberField("epoch", committed.from().epoch());
    g.writeNumberField("position", committed.from().position());
    g.writeNumberField("samples", committed.samples());
    number(g, "loss", committed.loss());
    number(g, "samplesPerSecond", committed.samplesPerSecond());
    number(g, "lr", committed.learningRate());
    g.writeNumberField("nativeBytes", committed.nativeBytes());
    wire(g, new WireBytes(committed.wireBytes(), committed.plainWireBytes()));
    g.writeNumberField("failedCheckpoints", progress.failedSaves());
    for (Map.Entry<String, Double> figure : new TreeMap<>(committed.figures()).entrySet()) {
      number(g, figure.getKey(), figure.getValue());
    }
    said(g, origin);
    g.writeEndObject();
  }

  static void event(JsonGenerator g, JobEvent event, Optional<Origin> origin) throws IOException {
    g.writeStartObject();
    g.writeStringField("time", event.time().toString());
    g.writeStringField("job", event.jobId());
    g.writeStringField("type", type(event));
    if (event instanceof JobEvent.StateChanged changed) {
      g.writeStringField("state", changed.state().name());
      g.writeStringField("reason", changed.reason());
    } else if (event instanceof JobEvent.Formed formed) {
      formed(g, formed);
    } else if (event instanceof JobEvent.RankReady ready) {
      ready(g, ready);
    } else if (event instanceof JobEvent.BucketsTuned tuned) {
      g.writeNumberField("generation", tuned.generation());
      g.writeNumberField("firstBucketSize", tuned.buckets().firstBucketSize());
      g.writeNumberField("bucketSize", tuned.buckets().bucketSize());
    } else if (event instanceof JobEvent.EpochEnded ended) {
      epoch(g, ended);
    } else if (event instanceof JobEvent.CheckpointFinished finished) {
      checkpoint(g, finished);
    } else if (event instanceof JobEvent.Failure failure) {
      verdict(g, failure.verdict());
    } else if (event instanceof JobEvent.Recovered recovered) {
      recovered(g, recovered);
    } else if (event instanceof JobEvent.Harmed harmed) {
      harmed(g, harmed);
    } else if (event instanceof JobEvent.Ended ended) {
      g.writeStringField("state", ended.result().state().name());
      g.writeStringField("reason", ended.result().reason());
    }
    said(g, origin);
    g.writeEndObject();
  }

  private static void said(JsonGenerator g, Optional<Origin> origin) throws IOException {
    if (origin.isPresent()) {
      g.writeStringField(RunDirectory.SAID, origin.get().text());
    }
  }

  static void result(JsonGenerator g, JobResult result) throws IOException {
    g.writeStartObject();
    g.writeStringField("job", result.jobId());
    g.writeStringField("name", result.name());
    g.writeStringField("state", result.state().name());
    g.writeStringField("reason", result.reason());
    g.writeBooleanField("usage", result.usage());
    g.writeNumberField("steps", result.steps());
    g.writeNumberField("epochs", result.epochs());
    g.writeNumberField("worldSize", result.worldSize());
    g.writeNumberField("generations", result.generations());
    number(g, "samplesPerSecond", result.samplesPerSecond());
    wire(g, result.wire());
    g.writeObjectFieldStart("metrics");
    for (Map.Entry<String, Double> metric : new TreeMap<>(result.metrics()).entrySet()) {
      number(g, metric.getKey(), metric.getValue());
    }
    g.writeEndObject();
    if (result.stateHash().isEmpty()) {
      g.writeNullField("stateHash");
    } else {
      g.writeStringField("stateHash", result.stateHash());
    }
    g.writeNumberField("wallSeconds", result.wallSeconds());
    g.writeEndObject();
  }

  private static void wire(JsonGenerator g, WireBytes wire) throws IOException {
    g.writeNumberField("wireBytes", wire.sent());
    number(g, "wireRatio", wire.ratio());
  }

  private static String type(JobEvent event) {
    if (event instanceof JobEvent.StateChanged) {
      return "state";
    } else if (event instanceof JobEvent.Formed) {
      return "generation";
    } else if (event instanceof JobEvent.RankReady) {
      return "rank-ready";
    } else if (event instanceof JobEvent.BucketsTuned) {
      return "buckets";
    } else if (event instanceof JobEvent.EpochEnded) {
      return "epoch";
    } else if (event instanceof JobEvent.CheckpointFinished) {
      return "checkpoint";
    } else if (event instanceof JobEvent.Failure) {
      return "failure";
    } else if (event instanceof JobEvent.Recovered) {
      return "recovered";
    } else if (event instanceof JobEvent.Harmed) {
      return "chaos";
    } else if (event instanceof JobEvent.Progress) {
      return "progress";
    }
    return "ended";
  }

  private static void formed(JsonGenerator g, JobEvent.Formed formed) throws IOException {
    g.writeNumberField("generation", formed.generation());
    g.writeNumberField("worldSize", formed.ranks().size());
    g.writeStringField("device", formed.backing().device().name().toLowerCase(Locale.ROOT));
    g.writeStringField("backend", formed.backing().backend().name().toLowerCase(Locale.ROOT));
    g.writeStringField("backingReason", formed.backing().reason());
    g.writeArrayFieldStart("ranks");
    for (JobEvent.RankProcess rank : formed.ranks()) {
      g.writeStartObject();
      g.writeNumberField("rank", rank.rank());
      g.writeStringField("agent", rank.agentId());
      g.writeStringField("host", rank.host());
      g.writeNumberField("pid", rank.pid());
      g.writeEndObject();
    }
    g.writeEndArray();
  }

  private static void ready(JsonGenerator g, JobEvent.RankReady event) throws IOException {
    RankReport.Ready ready = event.ready();
    g.writeNumberField("generation", event.generation());
    g.writeNumberField("rank", event.rank());
    g.writeNumberField("step", ready.progress().step());
    g.writeStringField("restoredFrom", ready.restoredFrom());
    g.writeNumberField("totalSteps", ready.totalSteps());
    g.writeNumberField("stepsPerEpoch", ready.stepsPerEpoch());
    g.writeNumberField("epochs", ready.epochs());
    g.writeNumberField("parameters", ready.parameters());
  }

  private static void epoch(JsonGenerator g, JobEvent.EpochEnded event) throws IOException {
    RankReport.EpochEnded epoch = event.epoch();
    g.writeNumberField("generation", event.generation());
    g.writeNumberField("epoch", epoch.epoch());
    g.writeNumberField("step", epoch.step());
    number(g, "trainLoss", epoch.trainLoss());
    number(g, "evalLoss", epoch.evalLoss());
    number(g, "evalAccuracy", epoch.evalAccuracy());
    number(g, "seconds", epoch.seconds());
  }

  private static void checkpoint(JsonGenerator g, JobEvent.CheckpointFinished event)
      throws IOException {
    RankReport.CheckpointFinished checkpoint = event.checkpoint();
    g.writeNumberField("generation", event.generation());
    g.writeNumberField("step", checkpoint.step());
    g.writeBooleanField("committed", checkpoint.failure().isEmpty());
    g.writeStringField("reason", checkpoint.failure());
    g.writeStringField("path", checkpoint.path());
    number(g, "stallSeconds", checkpoint.stallSeconds());
    number(g, "writeSeconds", checkpoint.writeSeconds());
    g.writeNumberField("bytes", checkpoint.bytes());
  }

  private static void recovered(JsonGenerator g, JobEvent.Recovered event) throws IOException {
    g.writeNumberField("generation", event.generation());
    g.writeNumberField("worldSize", event.worldSize());
    g.writeBooleanField("failure", event.failure());
    g.writeStringField("source", event.source().kind().name().toLowerCase(Locale.ROOT));
    g.writeNumberField("sourceRank", event.source().rank());
    g.writeNumberField("firstStep", event.firstStep());
    number(g, "detectedSeconds", event.detected());
    number(g, "abortedSeconds", event.aborted());
    number(g, "formedSeconds", event.formed());
    number(g, "restoredSeconds", event.restored());
    number(g, "steppedSeconds", event.stepped());
  }

  private static void harmed(JsonGenerator g, JobEvent.Harmed event) throws IOException {
    g.writeNumberField("generation", event.generation());
    g.writeStringField("kind", event.kind().word());
    g.writeNumberField("rank", event.rank());
    g.writeNumberField("pid", event.pid());
    number(g, "lastingSeconds", event.lastingSeconds());
    g.writeStringField("how", event.how());
  }

  private static void verdict(JsonGenerator g, Verdict verdict) throws IOException {
    g.writeNumberField("generation", verdict.generation());
    g.writeStringField("reason", verdict.sentence());
    g.writeNumberField("rank", verdict.rank());
    g.writeStringField("host", verdict.host());
    g.writeNumberField("pid", verdict.pid());
    g.writeStringField("cause", verdict.cause());
    g.writeNumberField("lastCommittedStep", verdict.lastCommittedStep());
    g.writeBooleanField("usage", verdict.usage());
    g.writeArrayFieldStart("lastLines");
    for (String line : verdict.lastLines()) {
      g.writeString(line);
    }
    g.writeEndArray();
  }

  /** JSON knows neither NaN nor infinity. */
  private static void number(JsonGenerator g, String name, double value) throws IOException {
    if (Double.isFinite(value)) {
      g.writeNumberField(name, value);
    } else {
      g.writeNullField(name);
    }
  }
}
