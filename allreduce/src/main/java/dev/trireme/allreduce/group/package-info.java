/**
 * The process group itself: operations in flight, the sequencer that runs them in order on whatever
 * transport it is given, and the verdicts when they cannot complete.
 *
 * <p><b>Why nothing hangs.</b> Whoever awaits drives the group itself and looks at its deadline, at
 * its peers' processes and at the media driver whenever nothing arrives. Work that takes long is
 * cut into pieces ({@code PIECE_BYTES} of a buffer, a few MiB of memory being made), and between
 * two of them an abort is seen and a heartbeat is sent. A rank that gives up tells its peers, again
 * and again where a log is full. A rank that was itself stopped leaves its peers a moment to be
 * heard of before it blames one of them, and blames none while the media driver gives no sign of
 * life.
 *
 * <p><b>Why a stale rank can do no harm.</b> A rank may be stopped in the middle of a reduction,
 * and go on, writing to its peers' buffers, long after they gave up.
 *
 * <ul>
 *   <li>It writes only to what it has mapped: the files of its own formation. Each formation has
 *       files of its own, made anew in a directory of its own, with the formation's number in their
 *       header; what is unmapped and unlinked by the others stays alive for the stale rank alone.
 *       So it cannot reach the memory of a newer formation. Nor do its signals: every frame carries
 *       the formation's number, and a stream's id is never allotted twice.
 *   <li>Buffers outside the group's memory are written by their own rank only, from a staging area.
 *   <li>An operation that failed on a rank throws there, whatever its buffer holds; the group is
 *       unusable from then on. An operation that completed on a rank had been told so by every peer
 *       that writes to its buffer, after it had written.
 *   <li>The stale rank itself may find all signals it needs, and read buffers that their owners
 *       have used for something else since they gave up. Each rank therefore marks in its memory
 *       that it gives up, before its user learns of it; an operation that reads peers' buffers in
 *       place looks at those marks last of all, and fails where a peer gave up before the operation
 *       was complete there. (A rank that reads a buffer first and the mark afterwards, and finds no
 *       mark, has read what was there before the mark.)
 * </ul>
 */
package dev.trireme.allreduce.group;
