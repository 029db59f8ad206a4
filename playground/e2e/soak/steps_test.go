package soak

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// step is something that happens in a soak: an edit of an object, or the begin of a fault.
type step struct {
	number int
	at     time.Duration // since the first step could happen; a step that takes long delays the next ones
	do     string        // name of the action
	place  string        // namespace; empty: the whole cluster
	object string        // what is edited, or who suffers the fault
	value  string        // what it becomes
	lasts  time.Duration // of a fault
}

// String is the step without its time, which a busy machine shifts.
func (s step) String() string {
	words := []string{fmt.Sprintf("step %d", s.number), s.do}
	for _, w := range []string{s.place, s.object, s.value} {
		if w != "" {
			words = append(words, w)
		}
	}
	if s.lasts > 0 {
		words = append(words, "for "+s.lasts.String())
	}
	return strings.Join(words, " ")
}

// action is a row of the table of what may happen.
type action struct {
	name   string
	weight int
	// objects are where it may happen, as "namespace object", or "object" of the whole cluster.
	objects []string
	// values are what an object may become, the first one what it is at first. Without values it becomes a number that it
	// never was: a rollout.
	values []string
	// lasts is how long a fault lasts, at least and at most.
	lasts [2]time.Duration
	// alone is for faults of which only one happens at a time.
	alone bool
}

// recovery is the time that pods and processes get between two faults that happen alone.
const recovery = 20 * time.Second

// pause is the time between two steps, at least and at most.
var pause = [2]time.Duration{500 * time.Millisecond, 3 * time.Second}

// model is what the generator knows of the state of the cluster: what it has made of it.
type model struct {
	at       time.Duration
	number   int
	values   map[string]string // by the name of the action and the object
	rollouts int
	calm     time.Duration // before which no fault that happens alone begins
}

// generator makes the steps of a seed. They depend on nothing but the seed and the table, so that a seed gives the same
// steps again.
type generator struct {
	random  *rand.Rand
	actions []action
	model   model
}

func newGenerator(seed uint64, actions []action) *generator {
	g := &generator{random: rand.New(rand.NewPCG(seed, seed)), actions: actions, model: model{values: map[string]string{}}}
	g.model.calm = pause[1]
	for _, a := range actions {
		for _, o := range a.objects {
			if len(a.values) > 0 && !a.fault() {
				g.model.values[a.name+" "+o] = a.values[0]
			}
		}
	}
	return g
}

func (a action) fault() bool { return a.lasts[1] > 0 }

// between draws a time from a range, in tenths of a second.
func (g *generator) between(r [2]time.Duration) time.Duration {
	const unit = 100 * time.Millisecond
	return r[0] + time.Duration(g.random.Int64N(int64((r[1]-r[0])/unit)+1))*unit
}

// next is the step after the one before.
func (g *generator) next() step {
	m := &g.model
	m.at += g.between(pause)
	m.number++
	total := 0
	for _, a := range g.actions {
		if g.may(a) {
			total += a.weight
		}
	}
	at := g.random.IntN(total)
	for _, a := range g.actions {
		if !g.may(a) {
			continue
		}
		if at -= a.weight; at < 0 {
			return g.draw(a)
		}
	}
	panic("unreachable: the weights sum up to total")
}

func (g *generator) may(a action) bool { return !a.alone || g.model.at >= g.model.calm }

// draw chooses object and value of an action, and changes the model.
func (g *generator) draw(a action) step {
	m := &g.model
	object := a.objects[g.random.IntN(len(a.objects))]
	s := step{number: m.number, at: m.at, do: a.name, object: object}
	if place, name, ok := strings.Cut(object, " "); ok {
		s.place, s.object = place, name
	}
	switch key := a.name + " " + object; {
	case a.fault():
		s.lasts = g.between(a.lasts)
		if len(a.values) > 0 {
			s.value = a.values[g.random.IntN(len(a.values))]
		}
		if a.alone {
			m.calm = m.at + s.lasts + recovery
		}
	case len(a.values) == 0:
		m.rollouts++
		s.value = strconv.Itoa(m.rollouts)
	default:
		others := slices.DeleteFunc(slices.Clone(a.values), func(v string) bool { return v == m.values[key] })
		s.value = others[g.random.IntN(len(others))]
		m.values[key] = s.value
	}
	return s
}
