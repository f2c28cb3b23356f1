package remotewrite

// Loss says why samples that were accepted do not arrive. It is a closed set.
type Loss string

const (
	LostRejected   Loss = "rejected"    // the endpoint answered that it will never take them
	LostNotWritten Loss = "not_written" // a 2.0 endpoint took the request and says that it wrote less
	LostTooLarge   Loss = "too_large"   // a single series is too large for the endpoint
	LostGaveUp     Loss = "gave_up"     // retries are off, or max_retry_age is over
	LostPoison     Loss = "poison"      // the endpoint fails over them again and again, and works otherwise
	LostShutdown   Loss = "shutdown"    // shutdown_timeout was over, and there is no log
	LostBroken     Loss = "broken"      // a batch could not be read back to split or convert it
	LostDamaged    Loss = "damaged"     // the log's records were not what their checksums say
	LostEvicted    Loss = "evicted"     // the oldest in a log that reached its bound of bytes
	LostTooOld     Loss = "too_old"     // older than the log's bound of age
)

// Losses returns all of them.
func Losses() []Loss {
	return []Loss{
		LostRejected, LostNotWritten, LostTooLarge, LostGaveUp, LostPoison, LostShutdown, LostBroken, LostDamaged, LostEvicted, LostTooOld,
	}
}
