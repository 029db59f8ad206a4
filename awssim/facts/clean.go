package facts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// cleaning is how long resources may be in use by what was deleted before them.
const cleaning = 15 * time.Minute

var runID = regexp.MustCompile(`^[0-9a-f]{8}$`)

// NewRun returns an id for a run.
func NewRun() string {
	id := make([]byte, 4)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// ValidRun reports whether a text can be the id of a run.
func ValidRun(id string) bool { return runID.MatchString(id) }

// Clean deletes the known resources and everything that has the run's tag, and returns what it could not delete,
// with the reasons. It goes on if ctx is cancelled.
func Clean(ctx context.Context, o Options, known []Resource) []string {
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	patience := cleaning
	if o.Patience > 0 {
		patience = o.Patience
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	left := slices.Clone(known)
	pause, said := 50*time.Millisecond, ""
	for {
		found, problems := o.Clients.leftOf(ctx, o.Run, left)
		if len(found) == 0 {
			return problems
		}
		var reasons []string
		left, reasons = o.Clients.removeAll(ctx, found)
		if text := strings.Join(reasons, ""); text != "" && text != said {
			o.Progress("waiting until %d resources can be deleted: %s", len(left), reasons[0])
			said = text
		}
		if sleep.For(ctx, pause) != nil { // lists lag behind deletions, so that the next look may find what is gone
			return append(reasons, problems...)
		}
		pause = min(2*pause, 10*time.Second)
	}
}

// leftOf are the known resources and those with the run's tag, in the order of deletion, and why some could not be
// looked for.
func (c Clients) leftOf(ctx context.Context, run string, known []Resource) ([]Resource, []string) {
	all := slices.Clone(known)
	var problems []string
	for _, k := range kinds {
		found, err := c.find(ctx, k, run)
		if err != nil {
			problems = append(problems, "not looked for: "+k.name+": "+err.Error())
			continue
		}
		for _, x := range found {
			if !slices.Contains(all, x) {
				all = append(all, x)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Resource) int { return kindIndex(a.Kind) - kindIndex(b.Kind) })
	return all, problems
}

// removeAll deletes resources and returns those that are still there, with the reasons.
func (c Clients) removeAll(ctx context.Context, all []Resource) (left []Resource, reasons []string) {
	for _, x := range all {
		if err := c.remove(ctx, x); err != nil {
			left = append(left, x)
			reasons = append(reasons, fmt.Sprintf("%s %s: %s", x.Kind, x.ID, describeError(err)))
		}
	}
	return left, reasons
}
