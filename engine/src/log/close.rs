//! The two ends of a log's life in a process: closing it cleanly, and deleting it for good.

use std::{io, path::Path};

use super::{
    CleanEnd, Log, LogError, LogShared, OpenHint, Status, files,
    recovery::{CLOSED_INDEX, CLOSED_TIME_INDEX},
};
use crate::{ring::disk::Disk, types::TimestampMs};

/// End of the name of a folder whose log is deleted.
const DELETED_SUFFIX: &str = "-delete";

impl<D: Disk> Log<D> {
    /// Flushes everything and makes the log ready to be opened without a scan. Takes no appends
    /// from now on. The knowledge becomes stable with the next `LogShared::write_checkpoint`.
    ///
    /// # Errors
    /// [`LogError`]: then the log is scanned when it is opened, and nothing is lost by that.
    pub async fn close(&self) -> Result<(), LogError> {
        self.flush().await?;
        let repairing = matches!(self.0.state.borrow().status, Status::Repair { .. });
        self.stop("closed").await;
        if repairing {
            return Err(LogError::NoSpace { dir: self.0.dir.clone() });
        }
        let (hint, index) = {
            let state = self.0.state.borrow();
            let active = state.segments.back().expect("a log has an active segment");
            if !active.named.get() || state.flushed != state.log_end {
                // The rename failed: recovery finds out.
                return Ok(());
            }
            let clean = CleanEnd {
                segment: active.base,
                position: active.placed.get(),
                next_offset: state.log_end,
            };
            let (log_start, floor) = (state.log_start, state.flushed);
            (OpenHint { log_start, floor, clean: Some(clean) }, active.index.borrow().clone())
        };
        let index = index.expect("the active segment has its index");
        let disk = &self.0.shared.0.disk;
        let steps = async {
            let times = self.0.dir.join(CLOSED_TIME_INDEX);
            files::replace(disk, &times, index.encode_times()).await?;
            let offsets = self.0.dir.join(CLOSED_INDEX);
            files::replace(disk, &offsets, index.encode_offsets()).await?;
            disk.flush_dir(&self.0.dir).await
        };
        steps.await.map_err(|error| self.io_error("write the index of", error))?;
        self.0.shared.0.checkpoint.set_closed(&self.0.dir, hint);
        Ok(())
    }

    /// Deletes the log with all its files. Once the folder has its new name, which is stable when
    /// this returns, a crash cannot bring it back.
    ///
    /// # Errors
    /// [`LogError::Io`]: the folder may still be there, under its old or its new name.
    pub async fn remove(&self, now: TimestampMs) -> Result<(), LogError> {
        self.stop("deleted").await;
        let disk = &self.0.shared.0.disk;
        let dir = &self.0.dir;
        let deleted = dir.with_added_extension(format!("{}{DELETED_SUFFIX}", now.0));
        let steps = async {
            disk.rename(dir, &deleted).await?;
            disk.flush_dir(dir.parent().expect("a log is in a folder")).await?;
            self.0.shared.0.checkpoint.forget(dir);
            remove_folder(disk, &deleted).await
        };
        steps.await.map_err(|error| self.io_error("delete", error))
    }

    /// Ends appends and waits until nothing of this log is running.
    async fn stop(&self, reason: &str) {
        {
            let state = &mut *self.0.state.borrow_mut();
            if !matches!(state.status, Status::Offline(_)) {
                state.status = Status::Offline(reason.to_owned());
            }
            state.queue.clear();
        }
        self.0.waiters.wake_all();
        loop {
            let idle = {
                let state = self.0.state.borrow();
                let zeroing = state.segments.iter().any(|s| s.zero.is_busy(&(0..u64::MAX)));
                state.appender.is_idle() && !state.maintenance.is_running() && !zeroing
            };
            if idle {
                return;
            }
            self.0.shared.0.disk.sleep(super::STALL_RETRY).await;
        }
    }
}

impl<D: Disk> LogShared<D> {
    /// Removes folders in `data_dir` whose logs were deleted shortly before a crash.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove_deleted(&self, data_dir: &Path) -> io::Result<()> {
        for entry in self.0.disk.list(data_dir).await? {
            if entry.is_dir && entry.name.ends_with(DELETED_SUFFIX) {
                remove_folder(&self.0.disk, &data_dir.join(&entry.name)).await?;
            }
        }
        Ok(())
    }
}

async fn remove_folder<D: Disk>(disk: &D, dir: &Path) -> io::Result<()> {
    for entry in disk.list(dir).await? {
        files::remove_if_there(disk, &dir.join(&entry.name)).await?;
    }
    disk.remove_dir(dir).await
}
