package slo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fileBytesMax bounds a file of SLOs.
const fileBytesMax = 4 << 20

// Source reads the SLOs of a configuration: those declared in place and those of its files. It has no goroutine: the
// caller asks [Source.Changed] from time to time and loads again. It is for one goroutine at a time.
type Source struct {
	base Config
	read map[string]fileState
}

// fileState is a file as it was when it was read last. info is nil where it could not be read.
type fileState struct {
	info os.FileInfo
	hash [sha256.Size]byte
}

// NewSource returns the source of a configuration; it reads nothing yet.
func NewSource(cfg Config) *Source { return &Source{base: cfg} }

// Load reads all files and returns the SLOs of the configuration and of the files together, valid. It returns every
// error at once. Whether it fails or not, Changed then compares with what was read.
func (s *Source) Load() (Config, error) {
	out := Config{Files: s.base.Files, SLOs: slices.Clone(s.base.SLOs)}
	files := s.files()
	var errs []error
	s.read = make(map[string]fileState, len(files))
	for _, file := range files {
		text, state, err := readFile(file)
		s.read[file] = state
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot read SLOs from %q: %w", file, err))
			continue
		}
		slos, err := decodeFile(file, text)
		errs = append(errs, err)
		out.SLOs = append(out.SLOs, slos...)
	}
	if err := errors.Join(append(errs, out.Validate())...); err != nil {
		return Config{}, err
	}
	return out, nil
}

// Changed reports whether the files are others than those that were loaded, or hold something else. It reads only files
// whose time, size or identity changed.
func (s *Source) Changed() bool {
	files := s.files()
	if len(files) != len(s.read) {
		return true
	}
	for _, file := range files {
		old, ok := s.read[file]
		if !ok {
			return true
		}
		info, err := os.Stat(file)
		if err != nil || old.info == nil {
			if err != nil && old.info == nil {
				continue
			}
			return true
		}
		if info.ModTime().Equal(old.info.ModTime()) && info.Size() == old.info.Size() && os.SameFile(info, old.info) {
			continue
		}
		_, state, err := readFile(file)
		if err != nil || state.hash != old.hash {
			return true
		}
		s.read[file] = state
	}
	return false
}

// files returns the paths that the configuration names, sorted, each once. Bad patterns are Validate's to report.
func (s *Source) files() []string {
	var out []string
	for _, pattern := range s.base.Files {
		if strings.ContainsAny(pattern, `*?[\`) {
			found, _ := filepath.Glob(pattern)
			out = append(out, found...)
		} else {
			out = append(out, pattern)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// readFile reads a file and what Changed compares. The state is taken before the text, so that a write in between is
// seen as a change later.
func readFile(path string) ([]byte, fileState, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileState{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileState{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err == nil && len(text) > fileBytesMax {
		err = fmt.Errorf("the file must be at most %d bytes", fileBytesMax)
	}
	return text, fileState{info: info, hash: sha256.Sum256(text)}, err
}
