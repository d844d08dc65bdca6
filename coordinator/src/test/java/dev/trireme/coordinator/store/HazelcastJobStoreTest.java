package dev.trireme.coordinator.store;

import java.nio.file.Path;

class HazelcastJobStoreTest extends JobStoreContract {
  @Override
  LocalStore open(Path directory) {
    return HazelcastJobStore.open("test", directory);
  }
}
