package dev.trireme.api.engine;

import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.JobSpec;

/** Makes replicas. Loading an engine may take a second; making a replica is fast. */
public interface Engine extends AutoCloseable {
  /**
   * A fresh replica with weights drawn from the job's seed: the same bits for the same seed.
   *
   * @param job whose model, loss, optimizer and precision to use
   * @param data whose item shape and classes the model meets
   * @param loader finds the job's own model class where it names one
   * @throws EngineException when the model cannot be built; the message names the layer
   */
  Replica replica(JobSpec job, DatasetInfo data, ClassLoader loader);

  @Override
  void close();
}
