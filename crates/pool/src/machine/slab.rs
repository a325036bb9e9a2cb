use std::{fmt, marker::PhantomData};

/// Where a value is in its [`Slab`], and the how-manieth value it is: the key of a value that was removed never finds
/// the one that has its place by now.
pub(crate) struct Key<T> {
    index: u32,
    number: u32,
    _of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The place, for tables beside the slab.
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.index as usize
    }
}

impl<T> Clone for Key<T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        (self.index, self.number) == (other.index, other.number)
    }
}

impl<T> Eq for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.index, self.number)
    }
}

/// Values by key, in one allocation. Places are used again.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    len: usize,
    /// How many values there have been.
    inserted: u32,
}

#[derive(Debug)]
struct Place<T> {
    number: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), len: 0, inserted: 0 }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key<T> {
        self.inserted = self.inserted.wrapping_add(1);
        self.len += 1;
        let number = self.inserted;
        let place = Place { number, value: Some(value) };
        let index = match self.free.pop() {
            Some(index) => {
                self.places[index as usize] = place;
                index
            }
            None => {
                if self.places.is_empty() {
                    // Most origins have one connection, and nobody who waits.
                    self.places.reserve_exact(1);
                }
                self.places.push(place);
                (self.places.len() - 1) as u32
            }
        };
        Key { index, number, _of: PhantomData }
    }

    #[inline]
    pub(crate) fn get(&self, key: Key<T>) -> Option<&T> {
        let place = self.places.get(key.index()).filter(|place| place.number == key.number)?;
        place.value.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        let place = self.places.get_mut(key.index()).filter(|place| place.number == key.number)?;
        place.value.as_mut()
    }

    pub(crate) fn remove(&mut self, key: Key<T>) -> Option<T> {
        let place = self.places.get_mut(key.index()).filter(|place| place.number == key.number)?;
        let value = place.value.take()?;
        self.len -= 1;
        self.free.push(key.index);
        if self.len == 0 {
            // Numbers go on, so that old keys stay old.
            self.places.clear();
            self.free.clear();
        }
        Some(value)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let key = Key { index: index as u32, number: place.number, _of: PhantomData };
            place.value.as_ref().map(|value| (key, value))
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_what_is_gone_finds_nothing() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!([slab.remove(a), slab.remove(a)], [Some('a'), None]);
        let c = slab.insert('c');
        assert_eq!((c.index(), slab.get(a), slab.get(c)), (a.index(), None, Some(&'c')));
        assert_eq!((slab.remove(b), slab.remove(c), slab.is_empty()), (Some('b'), Some('c'), true));
        let d = slab.insert('d');
        assert_eq!([a, b, c].map(|key| slab.get(key).copied()), [None; 3]);
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(d, &'d')]);
    }
}
