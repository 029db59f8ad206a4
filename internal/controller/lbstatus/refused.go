package lbstatus

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// refusedProbe is the pause between attempts at one of the objects that a policy refuses. No event announces that the
// policy refuses them no longer.
const refusedProbe = 30 * time.Second

// noteRefused notes whether a policy refused the write of an object. The first one that it admits has all others tried
// again. The lock is held.
func (w *Writer) noteRefused(key stack.Key, denied bool, err error) {
	_, was := w.refused[key]
	if denied {
		w.refused[key] = w.now()
		return
	}
	delete(w.refused, key)
	if was && err == nil && len(w.refused) > 0 {
		w.Queue.RetryFailed(waiting.Spacing)
	}
}

// probeRefused has the object tried again that was refused longest ago.
func (w *Writer) probeRefused() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if len(w.refused) == 0 || now.Sub(w.probed) < refusedProbe {
		return
	}
	oldest, at := stack.Key{}, now
	for key, last := range w.refused {
		if !last.After(at) {
			oldest, at = key, last
		}
	}
	w.probed, w.refused[oldest] = now, now
	w.Queue.LookAgain(oldest.String())
}
