package resource

import (
	"regexp"
	"slices"
	"testing"
)

func TestIdsHaveAWSsFormAndRepeatFromRunToRun(t *testing.T) {
	t.Parallel()
	var one, two IDs
	form := regexp.MustCompile(`^sg-[0-9a-f]{17}$`)
	seen := map[string]bool{}
	for range 1000 {
		id := one.NewID("sg")
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
		if again := two.NewID("sg"); again != id {
			t.Fatalf("got %s and %s", id, again)
		}
	}
	if uuid := one.NewUUID(); !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).
		MatchString(uuid) {
		t.Errorf("uuid %q", uuid)
	}
}

func TestAnswerOrderIsStableAndUnrelatedToTheIds(t *testing.T) {
	t.Parallel()
	m := map[string]int{}
	for _, id := range []string{"subnet-1", "subnet-2", "subnet-3", "subnet-4", "subnet-5", "subnet-6", "subnet-7",
		"subnet-8"} {
		m[id] = 0
	}
	order := AnswerOrder(m)
	if slices.IsSorted(order) || len(order) != len(m) {
		t.Errorf("order %v", order)
	}
	if !slices.Equal(order, AnswerOrder(m)) {
		t.Error("the order changed between two calls")
	}
	delete(m, order[3])
	if got := AnswerOrder(m); !slices.Equal(got, slices.Delete(slices.Clone(order), 3, 4)) {
		t.Errorf("removing one resource changed the order of others: %v", got)
	}
}
