package absence

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestOnlyNotFoundOfResourceProvesAbsence(t *testing.T) {
	t.Parallel()
	services := schema.GroupResource{Resource: "services"}
	for what, c := range map[string]struct {
		err     error
		proven  bool
		unknown bool
	}{
		"it exists":                    {nil, false, false},
		"not found":                    {apierrors.NewNotFound(services, "web"), true, false},
		"not found, wrapped":           {errors.Join(apierrors.NewNotFound(services, "web")), true, false},
		"a time-out":                   {context.DeadlineExceeded, false, true},
		"a time-out of the API server": {apierrors.NewTimeoutError("slow", 1), false, true},
		"forbidden":                    {apierrors.NewForbidden(services, "web", errors.New("no")), false, true},
		"a kind that is not served": {apierrors.NewGenericServerResponse(http.StatusNotFound, "get", services, "web",
			"404 page not found", 0, true), false, true},
		"a kind that the mapper misses": {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "Service"}}, false, true},
		"an overload":                   {apierrors.NewTooManyRequests("later", 1), false, true},
	} {
		absence, err := OfObject(c.err)
		if absence.Proven() != c.proven || (err != nil) != c.unknown {
			t.Errorf("%s: %q, %v", what, absence, err)
		}
		if err != nil && (!errors.Is(err, ErrUnknown) || apierrors.IsNotFound(err)) {
			t.Errorf("%s: %v passes for an absence", what, err)
		}
	}
}

func TestListProvesAbsenceAfterLag(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for what, c := range map[string]struct {
		began, wrote time.Time
		proven       bool
	}{
		"no list":              {time.Time{}, time.Time{}, false},
		"nothing written":      {at, time.Time{}, true},
		"written within a lag": {at, at.Add(-4 * time.Second), false},
		"written before":       {at, at.Add(-5 * time.Second), true},
		"written afterwards":   {at, at.Add(time.Second), false},
	} {
		if got := OfList(c.began, c.wrote, 5*time.Second); got.Proven() != c.proven {
			t.Errorf("%s: %q", what, got)
		}
	}
	if OfSyncedCache(false).Proven() || !OfSyncedCache(true).Proven() || (Absence{}).Proven() ||
		OfComparison(1).Proven() || !OfComparison(0).Proven() {
		t.Error("evidence out of nothing")
	}
}

func TestAReadOfAWSProvesAbsenceByItsErrorOnly(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for _, c := range []struct {
		name             string
		exists, notFound bool
		err              error
		proven, unknown  bool
	}{
		{"it exists", true, false, nil, false, false},
		{"it does not exist", false, true, refused, true, false},
		{"refused", false, false, refused, false, true},
		{"an empty answer", false, false, nil, false, true},
	} {
		absence, err := OfRead(c.exists, c.notFound, c.err)
		if absence.Proven() != c.proven || errors.Is(err, ErrUnknown) != c.unknown {
			t.Errorf("%s: %v, %v", c.name, absence, err)
		}
	}
}

func TestOnlyANameThatNoObjectCanHaveProvesAbsence(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"web", "web.example.com", "1", strings.Repeat("a", 253)} {
		if OfName("shop", name).Proven() || OfName("", name).Proven() {
			t.Errorf("an object can have the name %q", name)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "a%b", "Web", "a b", "a\n", strings.Repeat("a", 254)} {
		if !OfName("shop", name).Proven() {
			t.Errorf("an object can have the name %q", name)
		}
	}
	if !OfName("a/b", "web").Proven() || !OfName("..", "web").Proven() {
		t.Error("an object can be in any namespace")
	}
}
