declare module "*.example" {
  const text: string;
  export default text;
}
