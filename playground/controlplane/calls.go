package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Action is what a request is for.
type Action string

// The actions of requests, as the methods of ControlPlane.
const (
	ActionStart    Action = "start"
	ActionCancel   Action = "cancel" // the caller of the request with the same ID does not wait any longer
	ActionRestart  Action = "restart"
	ActionPause    Action = "pause"
	ActionResume   Action = "resume"
	ActionCut      Action = "cut"
	ActionSnapshot Action = "snapshot"
	ActionRestore  Action = "restore"
)

// Request is a line to the child. The end of its input ends the child.
type Request struct {
	ID          int
	Action      Action
	Options     *Options     `json:",omitempty"` // of a start
	Credentials *Credentials `json:",omitempty"` // of a start
	Snapshot    string       `json:",omitempty"` // directory, of a snapshot and a restore
}

// Message is a line from the child: the answer to a request, or one of Progress and Failed.
type Message struct {
	ID       int    `json:",omitempty"` // of the request
	Error    string `json:",omitempty"` // why the request failed; empty: it has succeeded
	Address  string `json:",omitempty"` // of the API server, after a start
	Progress string `json:",omitempty"` // the component that became ready
	Failed   string `json:",omitempty"` // which component ended by itself, and why
}

// answerError is the error of a request; the cause, if there is one, is why the caller stopped waiting.
type answerError struct {
	text  string
	cause error
}

func (e *answerError) Error() string { return e.text }
func (e *answerError) Unwrap() error { return e.cause }

// calls are the requests to the child and what it sends.
type calls struct {
	messages *os.File // the child's standard output
	progress func(component string)
	ended    chan struct{} // closed when the child sends nothing more

	mu       sync.Mutex // guards what follows, and lines to the child
	requests *os.File   // the child's standard input
	last     int        // ID
	waiting  map[int]chan Message
	failure  error // of the first component that ended by itself
}

// listen takes messages until the child ends.
func (c *calls) listen() {
	defer close(c.ended)
	defer c.messages.Close()
	for decoder := json.NewDecoder(c.messages); ; {
		var m Message
		if decoder.Decode(&m) != nil {
			return
		}
		switch {
		case m.Progress != "":
			c.progress(m.Progress)
		case m.Failed != "":
			c.mu.Lock()
			if c.failure == nil {
				c.failure = errors.New(m.Failed)
			}
			c.mu.Unlock()
		default:
			c.mu.Lock()
			answer := c.waiting[m.ID]
			delete(c.waiting, m.ID)
			c.mu.Unlock()
			if answer != nil {
				answer <- m // which has room for it
			}
		}
	}
}

func (c *calls) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

// send writes a request, and returns where its answer comes.
func (c *calls) send(r *Request) (<-chan Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := make(chan Message, 1)
	if r.Action != ActionCancel {
		c.last++
		r.ID = c.last
		c.waiting[r.ID] = answer
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = c.requests.Write(append(line, '\n'))
	}
	return answer, err
}

// end has the child end.
func (c *calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.requests.Close() // it may be closed already
}

// cancelTime bounds how long a request that nobody waits for any longer may take: a start or stop of the API server
// that was begun is not left half done.
const cancelTime = 40 * time.Second

// ask sends a request and waits for its answer. If ctx ends first, ask tells the child, which answers as soon as it
// can.
func (cp *ControlPlane) ask(ctx context.Context, r Request) (Message, error) {
	answer, err := cp.calls.send(&r)
	if err != nil {
		return Message{}, cp.lost(r.Action, err)
	}
	cancelled := ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case m := <-answer:
			return m.result(ctx)
		case <-cp.calls.ended:
			select {
			case m := <-answer: // its last message
				return m.result(ctx)
			default:
				return Message{}, cp.lost(r.Action, errEnded)
			}
		case <-cancelled:
			cancelled, late = nil, time.After(cancelTime)
			if _, err := cp.calls.send(&Request{ID: r.ID, Action: ActionCancel}); err != nil {
				return Message{}, cp.lost(r.Action, err)
			}
		case <-late:
			return Message{}, fmt.Errorf("%s the control plane, which does not answer: %w", r.Action, ctx.Err())
		}
	}
}

// result is the answer, or the error in it.
func (m Message) result(ctx context.Context) (Message, error) {
	if m.Error != "" {
		return m, &answerError{text: m.Error, cause: ctx.Err()}
	}
	return m, nil
}

var errEnded = errors.New("it has ended")

// lost is the error of a request that a child takes or answers no more, by the end of the child unless it was stopped.
func (cp *ControlPlane) lost(action Action, err error) error {
	if !errors.Is(err, os.ErrClosed) {
		<-cp.child.Done()
		if failed := cp.child.Err(); failed != nil {
			err = failed
		}
	}
	return fmt.Errorf("%s the control plane: %w", action, err)
}
