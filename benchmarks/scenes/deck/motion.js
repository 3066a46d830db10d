// Shared by the HTML page and the Remotion component: what the slides say and when they move.

export const SLIDES = [
  { title: 'Rendering in parallel', lines: ['Cut a timeline into chunks', 'Render them at once', 'Join them without a seam'], paper: '#f7f3ea', ink: '#1f2430' },
  { title: 'Why frames, not seconds', lines: ['Each frame is a function of its number', 'A chunk may start anywhere', 'Nothing depends on its neighbour'], paper: '#12355b', ink: '#eef4fb' },
  { title: 'What a worker does', lines: ['Fetch the job', 'Draw the frames it was given', 'Put the result in storage'], paper: '#e8efe6', ink: '#20342a' },
  { title: 'What can go wrong', lines: ['A machine disappears', 'A request is throttled', 'A page never settles'], paper: '#7a2e3a', ink: '#fdf0ec' },
  { title: 'What stays', lines: ['Every chunk has a name', 'A name is rendered once', 'A second try costs nothing'], paper: '#fbe9c6', ink: '#3b2b12' },
];

//: Seconds from one slide to the next.
export const EVERY = 4;
//: Seconds that a change of slide takes.
export const CHANGE = 0.8;
//: Control points of the easing of a change.
export const EASING = [0.3, 0.6, 0.2, 1];
