package consolesource

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/view/console"
)

const (
	// mostEvents is how many events are kept, of all objects together.
	mostEvents = 8192
	// eventsShown is how many of them are shown of a load balancer.
	eventsShown = 30
)

// recorded is an event of an object.
type recorded struct {
	at    time.Time
	on    string // as diag.Object writes itself
	event reporting.Event
}

// events are the latest events, in the order of a ring.
type events struct {
	ring []recorded
	next int // where the next one is put once the ring is full
}

func (e *events) add(r recorded) {
	if len(e.ring) < mostEvents {
		e.ring = append(e.ring, r)
		return
	}
	e.ring[e.next] = r
	e.next = (e.next + 1) % mostEvents
}

// about are the latest events of objects, newest first. Equal ones are counted.
func (e *events) about(all []diag.Object) []console.Event {
	type identity struct {
		object string
		event  reporting.Event
	}
	wanted := map[string]bool{}
	for _, o := range all {
		wanted[o.String()] = true
	}
	out, at := []console.Event{}, map[identity]int{}
	for i := range e.ring {
		r := &e.ring[(e.next+len(e.ring)-1-i)%len(e.ring)] // from the newest on
		id := identity{r.on, r.event}
		if !wanted[r.on] {
			continue
		}
		if n, ok := at[id]; ok {
			out[n].Count++
			continue
		}
		at[id] = len(out)
		out = append(out, console.Event{Time: r.at, Type: r.event.Type, Reason: r.event.Reason, Object: r.on, Message: r.event.Message, Count: 1})
	}
	return out[:min(len(out), eventsShown)]
}

// Recorded takes an event that was recorded of an object.
func (s *Source) Recorded(o diag.Object, e reporting.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events.add(recorded{s.Now(), o.String(), e})
}
