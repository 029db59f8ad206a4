package leaderdoctor

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

const (
	// reread is how long the object is not looked at while the report says the same: somebody may delete it.
	reread = time.Hour
	// refusedPause is the pause after a refused read or write.
	refusedPause = 10 * time.Minute
	// writeTimeout bounds a read with its write.
	writeTimeout = 10 * time.Second
)

// Writer keeps the ConfigMap with the report as it is. It is not safe for concurrent use.
type Writer struct {
	Client    client.Client // of the API server: it reads no cache
	Namespace string
	Log       logr.Logger

	last   *doctor.Report // as written, or found; nil = not known
	read   time.Time      // when the object was read or written last
	paused time.Time      // nothing is tried before that
	told   bool           // that it is refused
}

// Write writes a report if it says something else than the last one, or is older than an hour.
func (w *Writer) Write(ctx context.Context, r doctor.Report, now time.Time) {
	s := doctor.Store(r, now)
	if now.Before(w.paused) || w.last != nil && w.last.Same(s.Report) && now.Sub(w.read) < reread {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	switch err := w.write(ctx, s); {
	case err == nil:
		w.last, w.read, w.told = &s.Report, now, false
	case ctx.Err() != nil || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err):
		w.last = nil // the next examination tries again
	default:
		w.last, w.paused = nil, now.Add(refusedPause)
		if !w.told {
			w.Log.Info("the report of the doctor in the leader cannot be written; metric lbc_check has its numbers. Grant "+
				"get, create and update of the ConfigMap to the controller's service account",
				"configmap", w.Namespace+"/"+doctor.ConfigMap, "cause", err.Error())
			w.told = true
		}
	}
}

// write reads the object and writes it where its content is another one.
func (w *Writer) write(ctx context.Context, s doctor.Stored) error {
	m := &corev1.ConfigMap{}
	err := w.Client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: doctor.ConfigMap}, m)
	if apierrors.IsNotFound(err) {
		m = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: doctor.ConfigMap}, Data: s.Data()}
		return w.Client.Create(ctx, m)
	}
	if err != nil {
		return err
	}
	if !s.Replaces(m.Data) {
		return nil // as a former leader, or this one, has written it
	}
	m.Data = s.Data()
	return w.Client.Update(ctx, m)
}
