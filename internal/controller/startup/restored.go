package startup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// versionInterval is the pause between looks at the API server's resource version. It bounds how long a process works
// by objects that a restoration has taken back; with the fifteen seconds of a lease it stays below half a minute.
const versionInterval = 5 * time.Second

// Versions detects that the API server's resource version has gone back, as after a restoration of etcd from a
// snapshot. Watches do not show it: the API server accepts a watch at a future version, and omits all events up to
// that version for as long as the snapshot is old. Caches then contain objects that the snapshot lacks, and so does
// everything that remembers versions. A new process reads everything again.
type Versions struct {
	// Latest is the resource version of a list that the API server does not take from an old cache. Of an error there is
	// no version: others show it.
	Latest func(context.Context) (string, error)
	Host   string

	last string

	mu   sync.Mutex
	back func()
}

// OnBack sets what is called before Run returns that the version has gone back.
func (v *Versions) OnBack(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.back = f
}

// Run returns an error when the version has gone back, and nil when ctx ends.
func (v *Versions) Run(ctx context.Context) error {
	for {
		if err := v.look(ctx); err != nil {
			v.mu.Lock()
			defer v.mu.Unlock()
			if v.back != nil {
				v.back()
			}
			return err
		}
		if sleep.For(ctx, versionInterval) != nil {
			return nil
		}
	}
}

// look compares the present version with the former one.
func (v *Versions) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	now, err := v.Latest(ctx)
	if err != nil {
		return nil // the API server is away or refuses the request: that shows nothing about its content
	}
	last := v.last
	v.last = now
	// of the first look there is no former version
	if order, err := resourceversion.CompareResourceVersion(now, last); err != nil || order >= 0 {
		return nil // versions of another form have no order
	}
	return fmt.Errorf("the API server at %s went back from resource version %s to %s, as it does when etcd is restored "+
		"from a snapshot; "+
		"what this process knows of the cluster is not in it: the process ends, so that the next one reads everything again",
		v.Host, last, now)
}
