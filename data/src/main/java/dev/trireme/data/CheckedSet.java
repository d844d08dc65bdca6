package dev.trireme.data;

import dev.trireme.api.data.DatasetInfo;

/** A data set that has been found sound but not been loaded yet. */
interface CheckedSet {
  /** What it holds. */
  DatasetInfo info();

  /**
   * Refuses labels that the training set does not know.
   *
   * @param classes of the training set
   * @throws dev.trireme.api.data.DataException that names the first such label and its index
   */
  void requireLabelsBelow(int classes);

  /**
   * Makes the items readable. Blocks while files are read.
   *
   * @throws dev.trireme.api.data.DataException when they turn out damaged; nothing stays allocated
   */
  ItemSet load();
}
